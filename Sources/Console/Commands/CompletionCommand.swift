import ArgumentParser

struct CompletionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Write the script that completes commands and names in a shell.",
        discussion: """
            bash: muster completion bash > /etc/bash_completion.d/muster
            zsh:  muster completion zsh > "${fpath[1]}/_muster"
            fish: muster completion fish > ~/.config/fish/completions/muster.fish
            """
    )

    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash
        case zsh
        case fish
    }

    @Argument(help: "The shell.")
    var shell: Shell

    func run() {
        let target: CompletionShell =
            switch shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        var lines = Muster.completionScript(for: target).split(
            separator: "\n",
            omittingEmptySubsequences: false
        )
        // A script that is sourced is not run by an interpreter of its own.
        if lines.first?.hasPrefix("#!") == true { lines.removeFirst() }
        Terminal.writeLine(lines.joined(separator: "\n"))
    }
}
