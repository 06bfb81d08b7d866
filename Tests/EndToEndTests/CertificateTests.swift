import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// Certificates end, and clocks are wrong.
@Suite struct CertificateTests {
    @Test func `a certificate is renewed without a lost session`() async throws {
        try await TestCluster.with(settings: "certificates: {node: 20s}") { cluster in
            let agent = try await cluster.addAgent("node-1")
            let first = try #require(try await cluster.detail("node-1").certificate)
            let end = try #require(WallTime(iso8601: first.notAfter))
            let renewed = try await awaited("another certificate") { () -> NodeCertificate? in
                let found = try await cluster.detail("node-1").certificate
                return found?.serial != first.serial ? found : nil
            }
            #expect(WallClock.now() < end)
            #expect(renewed.fingerprint != first.fingerprint)
            // The first has ended, and nothing of it is missed.
            #expect(await eventually { WallClock.now() > end + .seconds(3) })
            #expect(try await cluster.node("node-1").status == "online")
            let events = try await cluster.events(subject: "node-1")
            #expect(events.filter { $0.kind == "node.renewed" }.count >= 1)
            #expect(events.filter { $0.kind == "node.online" }.count == 1)
            #expect(agent.log.components(separatedBy: "session with a controller").count == 2)

            // A new session is made with the new certificate.
            try await agent.destroy()
            try agent.start()
            try await cluster.online("node-1")
        }
    }

    @Test func `a session ends with a certificate that is not renewed, and there is no other`()
        async throws
    {
        try await TestCluster.with(settings: "certificates: {node: 20s}") { cluster in
            let (_, agent) = try await cluster.addPython("page-1")
            let offline = try await cluster.offline("page-1")
            #expect(offline.reason.contains("certificate ended"), "\(offline.reason)")
            #expect(await eventually { agent.everything.contains("bad-certificate") })
        }
    }

    /// Ten minutes ahead, for the wall clock alone.
    private static let shim = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <sys/time.h>
        #include <time.h>
        int clock_gettime(clockid_t clock, struct timespec *at) {
            static int (*real)(clockid_t, struct timespec *);
            if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
            int result = real(clock, at);
            if (result == 0 && clock == CLOCK_REALTIME) at->tv_sec += 600;
            return result;
        }

        """

    @Test func `a node whose clock is ten minutes off is not admitted, with the mend`()
        async throws
    {
        try await TestCluster.with { cluster in
            _ = try await cluster.addAgent("good")
            try cluster.folder.write("shim.c", Self.shim)
            let built = try await cluster.folder.run(
                "/usr/bin/cc",
                [
                    "-shared", "-fPIC", "-o", cluster.folder["shim.so"], cluster.folder["shim.c"],
                    "-ldl",
                ]
            )
            try #require(built.status == 0, "\(built.errors)")
            let late = try Agent("late", in: cluster)
            let joined = try await late.join(token: try await cluster.token().token)
            try #require(joined.status == 0, "\(joined.everything)")
            try late.start(environment: ["LD_PRELOAD=\(cluster.folder["shim.so"])"])
            let refused = try await cluster.node("late", becomes: "refused by its checks") {
                $0.reason.contains("preflight failed")
            }
            #expect(refused.status == "offline")
            #expect(refused.reason.contains("clock"))
            #expect(refused.marks.contains(.clockSuspect))
            let finding = try await cluster.detail("late").findings.first {
                $0.check == "clock" && $0.outcome == "failed"
            }
            #expect(finding?.mend.isEmpty == false, "\(String(describing: finding))")
            #expect(try await cluster.node("good").status == "online")

            // The clock is set right: it is looked at again, and the node may work.
            try await late.destroy()
            try late.start()
            try await cluster.online("late")
        }
    }
}
