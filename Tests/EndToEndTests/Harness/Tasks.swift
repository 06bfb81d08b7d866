import API
import Foundation
import Host
import Model
import Testing

/// A handler whose attempts write down what they do and wait until they are let go on.
struct GatedHandler {
    let folder: TestFolder

    /// - Parameter folder: where the ledger and the gates are.
    init(in folder: TestFolder) throws {
        self.folder = folder
        try folder.write(
            "handler.sh",
            """
            # LEDGER GATES
            say() { echo "$1 $MUSTER_TASK $MUSTER_ATTEMPT $MUSTER_AGAIN $$" >>"$2"; }
            say begin "$1"
            until [ -e "$2/$MUSTER_ATTEMPT" ] || [ -e "$2/all" ]; do sleep 0.05; done
            say end "$1"
            echo "done by attempt $MUSTER_ATTEMPT"

            """
        )
        try folder.write("gates/none", "")
    }

    /// The text of a file of `handlers.d`.
    func text(type: String = "PUSH", delivery: String = "exclusive", slots: Int = 1) -> String {
        """
        [handler]
        types = \(type)
        program = /bin/sh \(folder["handler.sh"]) \(folder["ledger"]) \(folder["gates"])
        delivery = \(delivery)
        slots = \(slots)
        prefetch = 0
        stop-timeout = 1s

        """
    }

    /// Lets every attempt of this number end; `all` lets every attempt end.
    func open(_ gate: String) throws { try folder.write("gates/\(gate)", "") }

    /// What attempts have done so far: `begin 17.1`, in order.
    var lines: [String] { entries.map { "\($0.what) \($0.attempt)" } }

    struct Entry {
        var what: String
        /// `TASK.ATTEMPT`
        var attempt: String
        /// What `MUSTER_AGAIN` said.
        var again: String
        var process: Int32
    }

    var entries: [Entry] {
        folder.text("ledger").split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 5, let process = Int32(words[4]) else { return nil }
            return Entry(
                what: String(words[0]),
                attempt: "\(words[1]).\(words[2])",
                again: String(words[3]),
                process: process
            )
        }
    }

    /// Waits until an attempt has begun.
    @discardableResult
    func begun(_ attempt: String, within limit: Duration = .seconds(60)) async throws -> Entry {
        try await awaited(within: limit, "the beginning of attempt \(attempt)") {
            entries.first { $0.what == "begin" && $0.attempt == attempt }
        }
    }
}

extension TestCluster {
    /// What this machine's other work does to its load says nothing about one of the nodes.
    func heedNoLoad() async throws {
        for key in ["task.overload.load", "task.overload.memory"] {
            try await set(key, "off")
        }
    }

    /// A setting that holds for the cluster.
    func set(_ key: String, _ value: String) async throws {
        try await admin.change(
            .setSetting,
            body: SetSettingRequest(scope: "cluster", key: key, value: value, reason: "a test")
        )
    }

    func submit(_ request: TaskRequest) async throws -> UInt64 {
        try await admin.send(.submitTask, body: request, as: SubmittedTask.self).id
    }

    func task(_ id: UInt64) async throws -> TaskDetail { try await admin.get(.showTask, "\(id)") }

    /// Waits until a task is as it should be.
    @discardableResult
    func task(
        _ id: UInt64,
        becomes what: String,
        within limit: Duration = .seconds(60),
        _ condition: (TaskDetail) -> Bool
    ) async throws -> TaskDetail {
        var last: TaskDetail?
        do {
            return try await awaited(within: limit, "task \(id) is \(what)") {
                let detail = try await task(id)
                last = detail
                return condition(detail) ? detail : nil
            }
        } catch let error as Unmet {
            let seen = last.map { "\($0.task)" } ?? "not there"
            throw Unmet(what: "\(error.what); it is \(seen)")
        }
    }

    /// Waits until a task has ended or has failed for good.
    @discardableResult
    func ended(_ id: UInt64, within limit: Duration = .seconds(60)) async throws -> TaskDetail {
        try await task(id, becomes: "ended", within: limit) {
            ["done", "failed", "cancelled", "unknown"].contains($0.task.state)
        }
    }

    func output(_ id: UInt64) async throws -> [UInt8] {
        let output: TaskOutput = try await admin.get(.showTaskOutput, "\(id)")
        return Array(Data(base64Encoded: output.dataBase64) ?? Data())
    }
}
