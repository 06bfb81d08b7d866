import AgentCore
import Glibc
import Host

extension LeashShell {
    /// Takes the newest of those who wait to be heard. Only our own user and root are.
    func acceptAgent() {
        while let socket = (try? UnixSocket.accept(listener)) ?? nil {
            guard let peer = try? UnixSocket.peer(of: socket),
                peer.user == geteuid() || peer.user == 0
            else { continue }
            // An agent that is replaced has not gone away: there is one, so nothing is lost.
            agent = socket
            reader = LineReader()
            forgetUnsent()
            events.append(.agentConnected)
            drive()
        }
    }

    func readAgent() {
        guard let agent else { return }
        switch reader.read(agent) {
        case .lines(let lines): take(lines)
        case .ended(let lines):
            take(lines)
            dropAgent()
        case .broken(let why):
            complain("the agent is cut off: \(why)")
            dropAgent()
        }
        drive()
    }

    func dropAgent() {
        guard agent != nil else { return }
        agent = nil
        forgetUnsent()
        events.append(.agentDisconnected)
    }

    private func take(_ lines: [String]) {
        for line in lines {
            if let order = LeashOrder(line: line) {
                events.append(.command(order))
            } else {
                events.append(.malformedLine)
            }
        }
    }
}
