import API
import Foundation
import Testing

@testable import Console

@Suite struct `The program against a controller` {
    @Test func `status shows the screen and exits 2 when the cluster is degraded`() throws {
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/status": ["body": try FakeCluster.json(Samples.degraded)]
        ])
        let run = try cluster.muster("status")
        #expect(run.status == 2)
        #expect(run.output.contains("▲ prod  DEGRADED  site a is active"))
        #expect(run.output.contains("node a-2"))
        // The controller's clock is in the samples' night; ages are reckoned by it, not by ours.
        #expect(run.output.contains("✖ critical     41s  node a-2"))
        #expect(!run.output.contains("\u{1B}"))
        #expect(run.error == "")
        #expect(
            try cluster.requests().first?["names"] as? [String] == [
                "muster://c0ffee/operator/alice"
            ]
        )
    }

    @Test func `status exits 0 when it is healthy, and the monitor's line has its own statuses`()
        throws
    {
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/status": ["body": try FakeCluster.json(Samples.healthy)]
        ])
        #expect(try cluster.muster("status").status == 0)
        let check = try cluster.muster("status", "--check")
        #expect(check.status == 0)
        #expect(check.output.hasPrefix("MUSTER OK: prod: 6 of 6 nodes Online"))
        try cluster.answer(["GET /api/v1/status": ["body": try FakeCluster.json(Samples.down)]])
        let critical = try cluster.muster("status", "--check")
        #expect(critical.status == 2)
        #expect(critical.output.split(separator: "\n").count == 1)
        let gone = try cluster.muster("status", "--check", "--server", "https://127.0.0.1:1")
        #expect(gone.status == 3)
        #expect(gone.output.hasPrefix("MUSTER UNKNOWN: no controller answers"))
    }

    @Test func `the first server that answers is taken, and all are named when none does`() throws {
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/status": ["body": try FakeCluster.json(Samples.healthy)]
        ])
        let second = try cluster.muster(
            "status",
            "--server",
            "https://127.0.0.1:1",
            "--server",
            cluster.server
        )
        #expect(second.status == 0)
        let none = try cluster.muster(
            "status",
            "--server",
            "https://127.0.0.1:1",
            "--server",
            "https://nowhere.invalid:2"
        )
        #expect(none.status == 5)
        #expect(none.error.contains("error: no controller answers"))
        #expect(none.error.contains("https://127.0.0.1:1: connection refused"))
        #expect(none.error.contains("https://nowhere.invalid:2: the name cannot be resolved"))
        #expect(none.error.contains("hint: "))
    }

    @Test func `a server of another cluster is not believed`() throws {
        let cluster = try FakeCluster(answers: [:])
        let other = try FakeCluster(answers: [
            "GET /api/v1/status": ["body": try FakeCluster.json(Samples.healthy)]
        ])
        let run = try cluster.muster("status", "--server", other.server)
        #expect(run.status == 5)
        #expect(run.error.contains("its certificate is not one of this cluster"))
        #expect(throws: (any Error).self) { try other.requests() }
    }

    @Test func `a refusal gives the controller's words, its mend and status 3`() throws {
        let failure = Failure(
            code: "forbidden",
            detail: "alice is a viewer and may not drain",
            mend: "ask an admin"
        )
        let cluster = try FakeCluster(answers: [
            "POST /api/v1/nodes/a-1/cordon": [
                "status": 403, "body": try FakeCluster.json(failure),
            ]
        ])
        let run = try cluster.muster("node", "cordon", "a-1", "--reason", "disk")
        #expect(run.status == 3)
        #expect(run.output == "")
        #expect(run.error == "error: alice is a viewer and may not drain\nhint: ask an admin\n")
        let sent = try #require(try cluster.requests().first)
        #expect(sent["body"] as? String == #"{"reason":"disk"}"#)
    }

    @Test func `json is the interface's own with sorted keys, cleaned, and yaml says the same`()
        throws
    {
        var node = Samples.nodes[1]
        node.reason = "evil\u{1B}[2J\u{202E}reason: yes"
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/nodes": [
                "body": try FakeCluster.json(NodeList(asOf: "2026", nodes: [node]))
            ]
        ])
        let run = try cluster.muster("node", "list", "-o", "json")
        #expect(run.status == 0)
        #expect(!run.output.contains("\u{1B}") && !run.output.contains("u001b"))
        let read = try JSONDecoder().decode(NodeList.self, from: Data(run.output.utf8))
        #expect(read.nodes[0].reason == "evil [2J reason: yes")
        let keys = run.output.split(separator: "\n").filter { $0.hasPrefix("      \"") }
        #expect(keys.map(String.init) == keys.map(String.init).sorted())
        let yaml = try cluster.muster("node", "list", "-o", "yaml")
        #expect(yaml.output.contains("name: a-2"))
        #expect(
            yaml.output.contains("reason: \"evil [2J reason: yes\"")
                || yaml.output.contains("reason: 'evil")
        )
        #expect(try cluster.muster("node", "list").output.contains("evil [2J reason: yes"))
    }

    @Test func `a service is stopped, followed to its end, and the end decides the status`() throws
    {
        func order(_ state: OrderState, _ text: String) throws -> [String: Any] {
            [
                "body": try FakeCluster.json(
                    Order(
                        asOf: "",
                        id: 7,
                        node: "a-1",
                        service: "tm",
                        action: "stop",
                        state: state,
                        text: text,
                        givenAt: ""
                    )
                )
            ]
        }
        let accepted = ["body": try FakeCluster.json(ChangeDone(asOf: "", text: "ok", orders: [7]))]
        let cluster = try FakeCluster(answers: [
            "POST /api/v1/services/action": accepted,
            "GET /api/v1/orders/7": [
                try order(.waiting, ""), try order(.sent, ""), try order(.done, ""),
            ],
        ])
        let done = try cluster.muster("service", "stop", "tm", "--node", "a-1")
        #expect(done.status == 0)
        #expect(done.output == "● a-1: stop tm: done\n")
        #expect(done.error.contains("waiting for a-1: stop tm: waiting\n"))
        #expect(done.error.contains("waiting for a-1: stop tm: sent\n"))
        for (state, status) in [(OrderState.failed, 1), (.refused, 3), (.superseded, 1)] {
            try cluster.answer([
                "POST /api/v1/services/action": accepted,
                "GET /api/v1/orders/7": try order(state, "because"),
            ])
            let run = try cluster.muster("service", "stop", "tm", "--node", "a-1")
            #expect(run.status == Int32(status))
            #expect(run.output.contains("(because)"))
        }
        try cluster.answer([
            "POST /api/v1/services/action": accepted, "GET /api/v1/orders/7": try order(.sent, ""),
        ])
        let late = try cluster.muster(
            "service",
            "stop",
            "tm",
            "--node",
            "a-1",
            "--timeout",
            "1ms"
        )
        #expect(late.status == 4)
        #expect(late.error.contains("error: not done within"))
        let detached = try cluster.muster("service", "stop", "tm", "--node", "a-1", "--detach")
        #expect(detached.status == 0)
    }

    @Test func `what a restarted controller has forgotten is not called done`() throws {
        let accepted = ["body": try FakeCluster.json(ChangeDone(asOf: "", text: "ok", orders: [7]))]
        let cluster = try FakeCluster(answers: ["POST /api/v1/services/action": accepted])
        let run = try cluster.muster("service", "stop", "tm", "--node", "a-1")
        #expect(run.status == 1)
        #expect(run.error.contains("does not know order 7 any more"))
    }

    @Test func `a removal is done when the node is gone, not when looking is forbidden`() throws {
        let forbidden = try FakeCluster.json(Failure(code: "forbidden", detail: "not any more"))
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/nodes": [
                "body": try FakeCluster.json(NodeList(asOf: "", nodes: Samples.nodes))
            ],
            "GET /api/v1/nodes/a-2": ["status": 403, "body": forbidden],
            "DELETE /api/v1/nodes": [
                "body": try FakeCluster.json(ChangeDone(asOf: "", text: "removing"))
            ],
        ])
        let run = try cluster.muster("node", "remove", "a-2", "--yes")
        #expect(run.status == 3)
        #expect(!run.output.contains("removed"))
        #expect(run.error.contains("error: not any more"))
    }

    @Test func `nothing dangerous is done unasked, and nothing hangs`() throws {
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/nodes": [
                "body": try FakeCluster.json(NodeList(asOf: "", nodes: Samples.nodes))
            ],
            "GET /api/v1/sites": [
                "body": try FakeCluster.json(SiteList(asOf: "", sites: Samples.degraded.sites))
            ],
            "DELETE /api/v1/nodes": [
                "body": try FakeCluster.json(ChangeDone(asOf: "", text: "removing"))
            ],
        ])
        let cases: [([String], String)] = [
            (["node", "remove", "a-1"], "--yes"),
            (["node", "remove", "a-1", "a-2"], "--confirm 2"),
            (["node", "remove", "a-1", "--force"], "--confirm a-1"),
            (["node", "remove", "a-1", "a-2", "--yes"], "--confirm 2"),
            (["node", "remove", "a-1", "a-2", "--confirm", "3"], "--confirm 2"),
            (["node", "drain", "a-1"], "--yes"),
        ]
        for (words, flag) in cases {
            let run = try Program.run(
                Program.muster,
                words,
                environment: ["MUSTER_CONTEXT": cluster.credential]
            )
            #expect(run.status == 3, "\(words)")
            #expect(run.error.contains(flag), "\(run.error)")
        }
        #expect(try cluster.requests().allSatisfy { $0["method"] as? String == "GET" })
        let done = try cluster.muster("node", "remove", "a-1", "a-9", "--confirm", "2")
        #expect(done.status == 0)
        #expect(done.output.contains("a-1, a-9: removed"))
        let sent = try #require(
            try cluster.requests().first { $0["method"] as? String == "DELETE" }
        )
        #expect(sent["body"] as? String == #"{"names":["a-1","a-9"]}"#)
    }

    @Test func `a token goes alone to standard output`() throws {
        let token = CreatedToken(
            asOf: "",
            id: "k3",
            token: "mjt1.k3.secret",
            expiresAt: "2099-01-01T00:00:00.000Z",
            addresses: ["10.0.0.1:7400"]
        )
        let cluster = try FakeCluster(answers: [
            "POST /api/v1/tokens": ["body": try FakeCluster.json(token)]
        ])
        let run = try cluster.muster("token", "create")
        #expect(run.output == "mjt1.k3.secret\n")
        #expect(run.error.contains("muster-agent join"))
        #expect(!run.error.contains("secret"))
    }

    @Test func `a change whose answer was lost is not sent again, and said to be unknown`() throws {
        let cluster = try FakeCluster(answers: ["POST /api/v1/nodes/a-1/cordon": ["drop": true]])
        let run = try cluster.muster(
            "node",
            "cordon",
            "a-1",
            "--server",
            cluster.server,
            "--server",
            cluster.server
        )
        #expect(run.status == 1)
        #expect(run.error.contains("It is not known whether the change was made"))
        #expect(try cluster.requests().count == 1)
    }

    @Test func `an answer that is not Muster's is said to be so`() throws {
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/status": ["raw": "<html>hello</html>"],
            "GET /api/v1/nodes": ["status": 502, "raw": "bad gateway"],
        ])
        let status = try cluster.muster("status")
        #expect(status.status == 1)
        #expect(status.error.contains("it is not JSON"))
        let nodes = try cluster.muster("node", "list")
        #expect(nodes.status == 1)
        #expect(nodes.error.contains("answered 502 without saying why"))
    }

    @Test func `a backup is compared with its digest before it is put in place`() throws {
        let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        let header = BackupAnswer.digestHeader
        let cluster = try FakeCluster(answers: [
            "POST /api/v1/backup": ["raw": "hello", "headers": [header: digest]]
        ])
        let path = cluster.folder + "/backup.db"
        let run = try cluster.muster("backup", path)
        #expect(run.status == 0)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "hello")
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        #expect((mode as? NSNumber)?.intValue == 0o600)
        #expect(try cluster.muster("backup", path).status == 3)
        try cluster.answer([
            "POST /api/v1/backup": ["raw": "hellO", "headers": [header: digest]]
        ])
        let damaged = try cluster.muster("backup", path + "2")
        #expect(damaged.status == 1)
        #expect(damaged.error.contains("arrived damaged"))
        #expect(!FileManager.default.fileExists(atPath: path + "2"))
        #expect(!FileManager.default.fileExists(atPath: path + "2.partial"))
    }
}
