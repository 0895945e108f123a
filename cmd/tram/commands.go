package main

import "github.com/spf13/cobra"

// commands are all of them, in the order of the help page.
func commands() []*cobra.Command {
	return []*cobra.Command{
		initCommand(), genesisCommand(), serveCommand(), directoryCommand(), accountCommand(),
		signCommand(), augmentCommand(), checkCommand(), sendCommand(), mailboxCommand(), statusCommand(),
		verifyCommand(), historyCommand(), replayCommand(), backupCommand(), rebuildCommand(), restoreCommand(), destroyCommand(), storeCommand(), logCommand(), witnessCommand(), receiptCommand(), evidenceCommand(), exportCommand(), keyCommand(), tsaCommand(), trialCommand(), demoCommand(), benchCommand(),
	}
}
