import Glibc

// Runs seeds of the simulation, one after the other, and says which have failed and why.

do throws(Arguments.Problem) {
    var runner = SeedRunner(try Arguments(Array(CommandLine.arguments.dropFirst())))
    runner.run()
    runner.summarize()
    exit(runner.failed.isEmpty ? 0 : 1)
} catch {
    switch error {
    case .usage(let text): print(text)
    }
    exit(64)
}
