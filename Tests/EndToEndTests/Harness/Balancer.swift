import Foundation
import Host
import Model

/// A real HAProxy before the agents of some nodes, which stand for what the nodes serve.
final class Balancer {
    /// What HAProxy says of one server.
    struct Server {
        var name: String
        /// `UP`, `DRAIN`, `MAINT`, `DOWN`, and further words.
        var status: String
        var weight: Int
        /// What the agent check has said last.
        var told: String
    }

    private let folder: TestFolder
    private let clients = Ports.free()
    private let statistics = Ports.free()
    private let program: Program

    /// - Parameter nodes: their names, with where their agents answer HTTP and the agent check.
    init(_ nodes: [(name: String, http: UInt16, check: UInt16)], in folder: TestFolder) throws {
        self.folder = folder
        let servers = nodes.map { node in
            "    server \(node.name) 127.0.0.1:\(node.http) agent-port \(node.check)"
        }
        try folder.write(
            "haproxy.cfg",
            """
            global
                maxconn 200
            defaults
                mode http
                timeout connect 5s
                timeout client 5s
                timeout server 5s
            frontend clients
                bind 127.0.0.1:\(clients)
                default_backend nodes
            listen statistics
                bind 127.0.0.1:\(statistics)
                stats enable
                stats uri /
            backend nodes
                option httpchk
                http-check send meth GET uri /health
                http-check expect status 200
                http-response add-header X-Server %s
                default-server weight 100 check inter 500ms fall 2 rise 1 agent-check agent-inter 200ms
            \(servers.joined(separator: "\n"))

            """
        )
        program = try Program(
            "/usr/sbin/haproxy",
            ["-db", "-f", folder["haproxy.cfg"]],
            in: folder,
            log: "haproxy"
        )
    }

    /// All servers, by name.
    func servers() async throws -> [String: Server] {
        let told = try await folder.run(
            "/usr/bin/curl",
            ["-sS", "--max-time", "5", "http://127.0.0.1:\(statistics)/;csv"]
        )
        let lines = told.output.split(separator: "\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        guard let names = lines.first else { return [:] }
        func place(_ name: String) -> Int { names.firstIndex(of: name) ?? 0 }
        var found: [String: Server] = [:]
        for line in lines where line.count == names.count && line[0] == "nodes" {
            found[line[1]] = Server(
                name: line[1],
                status: line[place("status")],
                weight: Int(line[place("weight")]) ?? -1,
                told: line[place("last_agt")]
            )
        }
        return found
    }

    /// Awaits what HAProxy says of servers: the beginning of each one's status.
    func awaitServers(_ wanted: [String: String]) async throws {
        var last: [String: Server] = [:]
        do {
            _ = try await awaited("\(wanted)") { () -> Bool? in
                last = try await servers()
                return wanted.allSatisfy { last[$0.key]?.status.hasPrefix($0.value) == true }
                    ? true : nil
            }
        } catch let error as Unmet {
            throw Unmet(what: "\(error.what); it is \(last.values.map { "\($0)" }.sorted())")
        }
    }

    /// Which servers so many clients reach; where none is reached, what was said instead.
    func reached(_ count: Int = 12) async throws -> Set<String> {
        var found: Set<String> = []
        for _ in 0..<count {
            let told = try await folder.run(
                "/usr/bin/curl",
                [
                    "-sS", "--max-time", "10", "-o", "/dev/null",
                    "-w", "%{http_code} %header{x-server}", "http://127.0.0.1:\(clients)/health",
                ]
            )
            let isFine = told.output.hasPrefix("200 ")
            found.insert(isFine ? String(told.output.dropFirst(4)) : told.everything)
        }
        return found
    }
}
