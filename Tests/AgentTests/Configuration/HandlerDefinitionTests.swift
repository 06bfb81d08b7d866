import AgentCore
import Model
import Testing

@testable import Agent

@Suite struct HandlerDefinitionTests {
    static let examples = [
        KeyExample("handler", "types", good: "PUSH, x.y_z-1", bad: "PUSH 1PULL", "not a type"),
        KeyExample("handler", "program", good: "/bin/push -v", bad: "push -v", "absolute path"),
        KeyExample("handler", "mode", good: "worker", bad: "thread", "process, worker"),
        KeyExample("handler", "kind", good: "drainable", bad: "both", "exclusive, drainable"),
        KeyExample("handler", "slots", good: "4096", bad: "0", "from 1 to 4096"),
        KeyExample("handler", "prefetch", good: "0", bad: "4097", "from 0 to 4096"),
        KeyExample(
            "handler",
            "delivery",
            good: "at-most-once",
            bad: "once",
            "exclusive, idempotent, at-most-once"
        ),
        KeyExample("handler", "time-limit", good: "1h30m", bad: "90", "has no unit"),
        KeyExample("handler", "stop-timeout", good: "5s", bad: "2h", "out of range"),
        KeyExample("handler", "user", good: "nobody", bad: "no-such-one", "no such account"),
        KeyExample("handler", "directory", good: "/srv", bad: "srv", "absolute path"),
        KeyExample("handler", "environment", good: "A=1 'B=2 3'", bad: "1A=1", "no digit first"),
        KeyExample("handler", "nice", good: "-20", bad: "20", "from -20 to 19"),
        KeyExample("handler", "memory-limit", good: "512MiB", bad: "512", "not a size"),
        KeyExample("handler", "permanent-statuses", good: "2, 65", bad: "256", "from 1 to 255"),
        KeyExample("handler", "output-limit", good: "0B", bad: "2MiB", "0B to 1MiB"),
    ]

    /// The smallest file in which a key can stand, the key on line 2.
    private static func file(_ example: KeyExample, _ value: String) -> String {
        let rest = [("types", "PUSH"), ("program", "/bin/p")].filter { $0.0 != example.key }
            .map { "\($0.0) = \($0.1)" }
        return (["[handler]", "\(example.key) = \(value)"] + rest).joined(separator: "\n")
    }

    @Test(arguments: examples)
    func `every key takes its good example`(_ example: KeyExample) {
        let (handler, errors) = readHandler(Self.file(example, example.good))
        #expect(errors == [])
        #expect(handler != readHandler("[handler]\ntypes = PUSH\nprogram = /bin/p").handler)
    }

    @Test(arguments: examples)
    func `every key refuses its bad example at its place`(_ example: KeyExample) throws {
        let (handler, errors) = readHandler(Self.file(example, example.bad))
        #expect(handler == nil)
        let error = try #require(errors.first)
        #expect(errors.count == 1)
        #expect(error.hasPrefix("/etc/muster/handlers.d/push.conf:2:"), "\(error)")
        #expect(error.contains("\(example.key) = "), "\(error)")
        #expect(error.contains(example.refusal), "\(error)")
    }

    @Test func `every key has an example here`() {
        let known = HandlerDefinition.handlerKeys.map(\.name)
        #expect(known.sorted() == Self.examples.map(\.key).sorted())
    }

    @Test func `a full file is read into its values`() {
        let (handler, errors) = readHandler(
            #"""
            [handler]
            types = PUSH PULL
            types = PGP
            program = /opt/ft/bin/transfer --mode "a b" '$HOME'
            slots = 8
            prefetch = 2
            delivery = idempotent
            time-limit = 30m
            stop-timeout = 20s
            user = nobody
            directory = /srv/ft
            environment = FT_HOME=/opt/ft "TITLE=the mover"
            nice = 5
            memory-limit = 1GiB
            permanent-statuses = 2, 65
            output-limit = 16KiB
            """#
        )
        #expect(errors == [])
        let expected = HandlerDefinition(
            name: "push",
            types: [.push, .pull, .pgp],
            program: ["/opt/ft/bin/transfer", "--mode", "a b", "$HOME"],
            slots: 8,
            prefetch: 2,
            delivery: .idempotent,
            timeLimit: .seconds(1_800),
            stopGrace: .seconds(20),
            user: "nobody",
            folder: "/srv/ft",
            environment: [
                EnvironmentVariable(name: "FT_HOME", value: "/opt/ft"),
                EnvironmentVariable(name: "TITLE", value: "the mover"),
            ],
            nice: 5,
            memoryLimit: 1 << 30,
            permanentStatuses: [2, 65],
            outputBytesMax: 16_384
        )
        #expect(handler == expected)
    }

    @Test(arguments: [
        ("", ":1:1: has no [handler] section"),
        ("[handel]\ntypes = A", "did you mean [handler]?"),
        ("[handler]\ntypes = A\nprogram = /p\ntime-limt = 5s", "did you mean time-limit?"),
        ("[handler]\nprogram = /p", "needs types = "),
        ("[handler]\ntypes = A", "needs program = "),
        ("[handler]\ntypes = A A\nprogram = /p", "names A twice"),
        ("[handler]\ntypes = A\nprogram = /p > /tmp/x", "no shell reads this line"),
        ("[handler]\ntypes = A\nprogram = /p\nenvironment = X=1 X=2", "sets X twice"),
        ("[handler]\ntypes = A\nprogram = /p\nenvironment = MUSTER_TASK=7", "what the task is"),
        ("[handler]\ntypes = A\nprogram = /p\nmemory-limit = 1KiB", "nothing would start"),
    ])
    func `what is wrong is refused with its mend`(text: String, refusal: String) {
        let (handler, errors) = readHandler(text)
        #expect(handler == nil)
        #expect(errors.contains { $0.contains(refusal) }, "\(errors)")
    }
}
