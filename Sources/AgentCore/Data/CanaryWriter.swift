public import Model
import Protocol

// A canary is an effect of the active site, and so its program runs as an attempt of a task does: under
// a leash that ends it with the lease, and with the agent. Whoever keeps leashes of attempts keeps these
// too and knows no difference.

extension TaskAttempt {
    /// Tasks are counted from 1 and never come so far.
    private static let firstOfCanaries: UInt64 = 1 << 63

    /// Never the same twice on a node: its incarnations are counted durably.
    public static func ofCanary(_ number: UInt32, incarnation: UInt64) -> TaskAttempt {
        let life = (incarnation & 0x7fff_ffff) << 32
        return TaskAttempt(task: TaskID(firstOfCanaries | life | UInt64(number)), attempt: 1)
    }

    /// It is no task's: its program writes a canary.
    public var isOfCanary: Bool { task.number >= Self.firstOfCanaries }
}

extension DataSetDefinition {
    /// Bytes of what the program says that are kept.
    private static let outputBytesMax = 4_096

    /// As the leash of an attempt takes it.
    func launch(
        _ program: [String],
        _ canary: Canary,
        under token: FencingToken,
        until deadline: Instant
    ) -> TaskLaunch {
        let handler = HandlerDefinition(
            name: HandlerName(name.text) ?? "canary",
            types: [],
            program: program,
            // It has all the time that it may have before it is asked to end.
            stopGrace: .zero,
            user: user,
            folder: folder,
            outputBytesMax: Self.outputBytesMax
        )
        var variables: OrderedTable<String, String> = OrderedTable()
        variables["MUSTER_DATA_SET"] = name.text
        variables["MUSTER_CANARY"] = "\(canary)"
        variables["MUSTER_TOKEN"] = "\(token)"
        for variable in environment { variables[variable.name] = variable.value }
        return TaskLaunch(
            definition: handler,
            token: token,
            payload: Array("\(canary)\n".utf8),
            environment: variables.map { EnvironmentVariable(name: $0.0, value: $0.1) },
            deadline: deadline
        )
    }
}
