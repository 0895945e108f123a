package witness

// SetStep has every operation on the folder done by step.
func (f *Folder) SetStep(step func(name string, do func() error) error) { f.step = step }
