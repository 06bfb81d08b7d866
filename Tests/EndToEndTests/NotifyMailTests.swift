import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// Mails of a real controller to a real mail server, while one of the two is not as it should be.
@Suite struct NotifyMailTests {
    /// Without routes: only what is asked for is sent.
    private static let rules = "receivers: {ops: {mail: [a@example.org, b@example.org]}}\n"

    /// A controller that may send mails to the peer, with rules, not asked for anything yet.
    private static func with(
        _ body: (TestCluster, MailPeer) async throws -> Void
    ) async throws {
        try await TestCluster.with(starting: false) { cluster in
            let peer = try await MailPeer(in: cluster.folder)
            let settings = cluster.folder.text("controller.yaml")
            try cluster.folder.write("controller.yaml", settings + peer.configuration)
            try await cluster.initialise()
            try await cluster.start()
            try cluster.folder.write("notify.yaml", rules)
            let file = cluster.folder["notify.yaml"]
            let set = try await cluster.muster("notify", "set", file, "--reason", "a test")
            try #require(set.status == 0, "\(set.everything)")
            try await body(cluster, peer)
        }
    }

    private static func post(_ cluster: TestCluster) async throws {
        let body = PlainChange(reason: "a test")
        _ = try await cluster.admin.send(.testReceiver, "ops", body: body, as: NoticePosted.self)
    }

    private static func deliveries(_ cluster: TestCluster) async throws -> [NotifyDelivery] {
        try await cluster.admin.get(.listNotices, as: NotifyDeliveryList.self).deliveries
    }

    /// Waits until every mail that was ordered is where it should be.
    private static func delivered(_ cluster: TestCluster, count: Int) async throws {
        _ = try await awaited(within: .seconds(120), "\(count) delivered mails") {
            let all = try await deliveries(cluster)
            for one in all where one.state == "pending" {
                // Nobody has to wait for the next attempt here.
                _ = try? await cluster.admin.change(.retryDelivery, "\(one.number)")
            }
            return all.filter { $0.state == "delivered" }.count == count ? true : nil
        }
    }

    private static func messageIDs(_ mails: [MailPeer.Mail]) -> Set<String> {
        Set(
            mails.compactMap { mail in
                mail.message.split(whereSeparator: \.isNewline)
                    .first { $0.lowercased().hasPrefix("message-id:") }.map(String.init)
            }
        )
    }

    @Test func `what a mail server does not take is kept, and comes once when it is back`()
        async throws
    {
        try await Self.with { cluster, peer in
            try await Self.post(cluster)
            try await Self.delivered(cluster, count: 2)
            #expect(
                peer.mails.map(\.to).sorted { $0[0] < $1[0] } == [
                    ["a@example.org"], ["b@example.org"],
                ]
            )
            #expect(peer.mails.allSatisfy { $0.tls && $0.user == "muster" })

            // It refuses for now.
            try peer.behave("refuse 451 rcpt")
            try await Self.post(cluster)
            _ = try await awaited("the server's words") {
                let all = try await Self.deliveries(cluster)
                return all.filter { $0.error?.contains("451") == true }.count == 2 ? true : nil
            }
            // It says nothing: one recipient hangs, the other is not held up.
            try peer.behave("hang rcpt a@example.org")
            _ = try await awaited("the mail of the other") {
                for one in try await Self.deliveries(cluster) where one.state == "pending" {
                    _ = try? await cluster.admin.change(.retryDelivery, "\(one.number)")
                }
                return peer.mails.count == 3 ? true : nil
            }
            // It is gone.
            try await peer.process.destroy()
            try await Self.post(cluster)
            _ = try await awaited("that nobody listens") {
                try await Self.deliveries(cluster)
                    .filter { $0.state == "pending" && $0.error != nil }.count == 3 ? true : nil
            }
            let pending = try await cluster.muster("notify", "pending")
            #expect(pending.status == 2 && pending.output.contains("ops"), "\(pending.everything)")

            // It is back: everything comes, once.
            try peer.behave("normal")
            let back = try await MailPeer(in: cluster.folder, port: peer.port)
            try await Self.delivered(cluster, count: 6)
            #expect(back.mails.count == 6)
            #expect(Self.messageIDs(back.mails).count == 3)
        }
    }

    @Test func `a mail that was decided outlives the controller, under the same Message-ID`()
        async throws
    {
        try await Self.with { cluster, peer in
            // The server has the whole mail, and does not say so.
            try peer.behave("hang message")
            try await Self.post(cluster)
            _ = try await awaited("that both hang") {
                cluster.folder.text("mail/log.jsonl").components(separatedBy: "hangs").count > 2
                    ? true : nil
            }
            let before = try await Self.deliveries(cluster)
            #expect(before.map(\.state) == ["pending", "pending"])
            try await cluster.kill()
            try peer.behave("normal")
            try await cluster.start()
            try await Self.delivered(cluster, count: 2)
            let after = try await Self.deliveries(cluster)
            #expect(after.map(\.number).sorted() == before.map(\.number).sorted())
            #expect(Set(after.map(\.notice)) == Set(before.map(\.notice)))
            #expect(peer.mails.count == 2)
            #expect(Self.messageIDs(peer.mails).count == 1)

            // Killed once more with nothing under way, it sends nothing again.
            try await cluster.kill()
            try await cluster.start()
            try await Self.post(cluster)
            try await Self.delivered(cluster, count: 4)
            #expect(peer.mails.count == 4)
            #expect(Self.messageIDs(peer.mails).count == 2)
        }
    }
}
