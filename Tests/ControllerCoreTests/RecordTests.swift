import ControllerCore
import Model
import Protocol
import Testing

struct RecordTests {
    private func again(_ record: Record) throws -> Record {
        let line = try Line.parse(record.line.bytes.dropLast(), limits: .record)
        return try Record(table: record.table, line: line)
    }

    @Test func `what a busy cluster stores is read back as it was`() throws {
        var stage = Stage()
        stage.ask(.addSite("b"))
        let connection = stage.online("n1", [.plain("db", .running, isWanted: true)])
        stage.online("n2", site: "b")
        stage.ask(.addNode("n3", site: "b", address: "[2001:db8::1]:9", token: stage.seed()))
        stage.ask(.set(.site("b"), key: "env.A", value: "= \"quoted\" \\ ü \n"))
        stage.ask(.drain("n1", within: .seconds(60), keepServices: true), reason: "a b=c")
        stage.ask(.service(.stop, "db", "n1"))
        stage.ask(.addOperator("person", .operator, token: stage.seed()))
        let request = SigningRequest(purpose: .renewNode, key: KeyFingerprint("key-new"))
        stage.step(.signingRequested(connection, request))
        for record in stage.store.values { #expect(try again(record) == record) }
        #expect(stage.store.count == stage.records.count)
        for record in stage.records {
            #expect(stage.store["\(record.table.rawValue)/\(record.key)"] == record)
        }
    }

    @Test func `records of random content are read back as they were`() throws {
        var generator = SeededGenerator(seed: 3)
        let letters = Array("ab =\"\\\n\u{7f}ü,/%'\u{202e}")
        func text() -> String {
            String(
                (0..<generator.below(9)).map { _ in
                    letters[Int(generator.below(UInt64(letters.count)))]
                }
            )
        }
        func time() -> WallTime {
            WallTime(milliseconds: Int64(generator.below(2_000_000_000_000)))
        }
        for _ in 0..<2_000 {
            var node = NodeRecord(
                id: "id",
                name: "name",
                site: "site",
                membership: Membership.allCases[Int(generator.below(4))],
                addedBy: "x",
                addedAt: time()
            )
            node.session = UInt32(truncatingIfNeeded: generator.next())
            node.incarnation = generator.next()
            node.statusReason = "r" + text()
            node.conflict = generator.chance(perMille: 500) ? "c" + text() : nil
            node.previousKeys =
                generator.chance(perMille: 500)
                ? [KeyFingerprint("k1"), KeyFingerprint("k2")] : []
            node.drain = NodeRecord.Drain(
                by: "by",
                reason: "d" + text(),
                at: time(),
                deadline: time(),
                keepServices: generator.chance(perMille: 500)
            )
            // What is not allowed in a line is replaced when it is written, and only then.
            let written = try again(.node(node))
            #expect(try again(written) == written)
            guard case .node(let read) = written else {
                Issue.record("a node became something else")
                return
            }
            #expect(read.session == node.session)
            #expect(read.incarnation == node.incarnation)
            #expect(read.previousKeys == node.previousKeys)
            #expect(read.drain?.deadline == node.drain?.deadline)
            #expect((read.conflict == nil) == (node.conflict == nil))
        }
    }

    @Test func `a node of an older store may run self-fenced services`() throws {
        var node = NodeRecord(
            id: "id",
            name: "n1",
            site: "a",
            membership: .joined,
            addedBy: "x",
            addedAt: WallTime(milliseconds: 0)
        )
        let text = String(decoding: Record.node(node).line.bytes, as: UTF8.self)
        let older = text.replacing(" nothing-fenced=yes", with: "")
        #expect(older != text)
        let line = try Line.parse(Array(older.utf8).dropLast(), limits: .record)
        node.mayRunFenced = true
        #expect(try Record(table: .node, line: line) == .node(node))
    }

    @Test func `a controller that starts on its store holds what it held`() {
        var stage = Stage()
        stage.ask(.addSite("b"))
        stage.online("n1", [.plain("db", .running, isWanted: true)])
        stage.ask(.cordon("n1"))
        stage.ask(.set(.cluster, key: "x.k", value: "v"))
        let before = stage.records
        stage.restart()
        #expect(stage.records == before)
        #expect(stage.events.map(\.sequence) == Array(1...UInt64(stage.events.count)))
        // "Since when" outlives the controller, and silence is found out anew.
        #expect(stage.status("n1") == .online)
        stage.pass(.milliseconds(3_500))
        #expect(stage.status("n1") == .offline)
    }

    @Test func `numbers of orders are never used twice`() {
        var stage = Stage()
        stage.online("n1", [.plain("db")])
        let before = stage.machine.orders.keys.max() ?? 0
        stage.restart()
        stage.attach("n1", [.plain("db")], incarnation: 2)
        #expect((stage.machine.orders.keys.min() ?? 0) > before)
    }
}
