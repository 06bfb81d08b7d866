import AgentCore
import ControllerCore
import Model
import Protocol

/// An enrolment under way on one machine.
struct Joining {
    var token: JoinTokenID
    var secret: String
    var name: NodeName?
    var attempt = 0
    var isWaiting = true
}

// The enrolment program: the same token and key until there is an answer.

extension AgentHost {
    func join(token: JoinTokenID, secret: String, name: NodeName?) {
        guard identity == nil else { return }
        let attempt = (joining?.attempt ?? 0) + 1
        joining = Joining(token: token, secret: secret, name: name, attempt: attempt)
        tryToJoin()
    }

    func resumeJoining() {
        guard identity == nil, joining != nil else { return }
        joining?.isWaiting = true
        tryToJoin()
    }

    private func tryToJoin() {
        guard isUp, identity == nil, joining?.isWaiting == true else { return }
        joining?.attempt += 1
        guard let attempt = joining?.attempt else { return }
        let connection = world.dial(index, client: .enroller(attempt: attempt), peer: .stranger)
        world.after(8 * second) { _ in
            guard self.joining?.attempt == attempt, self.identity == nil else { return }
            self.close(connection, tells: true)
            self.tryToJoin()
        }
    }

    func heardByEnroller(
        _ packet: Connection.Packet,
        _ connection: Connection,
        _ attempt: Int
    ) {
        guard let joining, joining.attempt == attempt, identity == nil else { return }
        switch packet {
        case .open, .finished: break
        case .accepted:
            world.send(.finished, connection, toServer: true)
            let hello = AgentMessage.hello(Hello(speaker: .stranger))
            world.send(.line(hello.line.bytes), connection, toServer: true)
        case .line(let bytes):
            do {
                let line = try Line.parse(bytes.dropLast(), limits: .member)
                try answer(ControllerMessage(line), connection, joining)
            } catch {
                world.fail("the controller's line cannot be read (\(error))")
            }
        case .end:
            connection.isOpenAtClient = false
            world.after(world.between(500 * millisecond, 3 * second)) { _ in
                if self.joining?.attempt == attempt { self.tryToJoin() }
            }
        }
    }

    private func answer(
        _ message: ControllerMessage,
        _ connection: Connection,
        _ joining: Joining
    ) {
        switch message {
        case .authority:
            let request = AgentMessage.enrol(
                Enrolment(
                    token: "\(joining.token)/\(joining.secret)",
                    request: key.text,
                    name: joining.name
                )
            )
            world.send(.line(request.line.bytes), connection, toServer: true)
        case .enrolled(let enrolled):
            world.checks.enrolled(self, enrolled, token: joining.token)
            close(connection, tells: true)
            identity = NodeIdentity(
                cluster: enrolled.cluster,
                node: enrolled.node,
                name: enrolled.name,
                site: enrolled.site
            )
            self.joining = nil
            world.say(name, "has joined as \(enrolled.node)")
            world.after(world.between(millisecond, second)) { _ in self.startAgent() }
        case .error(let code, let text):
            world.say(name, "may not join: \(code.rawValue) \(text)")
            close(connection, tells: true)
            self.joining = nil
            world.operators.refusedToJoin(self, joining, code)
        default: world.fail("\(message) is no answer to an enrolment")
        }
    }
}
