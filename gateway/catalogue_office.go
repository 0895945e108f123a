package gateway

// officeCatalogue has the refusals about an agency's own part of the directory.
var officeCatalogue = []Entry{
	{CodeOfficePerson, "office-person", 403, once,
		"Khóa của cơ quan giữ tại trạm chỉ đổi được bộ máy cơ quan thay cho người có vai trò quản trị, hoặc thay cho người ủy quyền việc của chính mình; hãy nhờ người quản trị của cơ quan.",
		"With the agency's key in custody only an administrator of the agency changes its part of the directory, and everybody delegates what is his own; ask the agency's administrator."},
	{CodeOwnRights, "own-rights", 403, once,
		"Không ai tự mở rộng quyền của mình; hãy nhờ người quản trị khác của cơ quan, người vận hành hoặc ký bằng khóa riêng của cơ quan.",
		"Nobody widens his own rights; ask another administrator of the agency or the operator, or sign with the agency's own key."},
}
