import ControllerCore
import Model
import Protocol

/// The people at the console and what they know: commands, double clicks, lost replies, and some
/// who may not.
final class Operators {
    struct Account {
        var name: OperatorName
        var key: KeyFingerprint
        /// Nil for somebody the cluster does not know.
        var role: OperatorRole?
        var isEnrolled: Bool
        var token: JoinTokenID?
    }

    struct Asked {
        var caller: Caller
        var command: Command
        /// Nil while it is not known whether the enrolment has gone through.
        var mayAct: Bool?
        var then: ((Reply.Outcome?) -> Void)?
    }

    unowned let world: World
    var accounts: [Account] = []
    var asked = OrderedTable<RequestID, Asked>()
    var lastRequest: UInt64 = 0
    private var lastSeed: UInt64 = 0
    /// Tokens whose secret is known, for those who try what they should not.
    var tokens: [JoinTokenID] = []

    init(world: World) {
        self.world = world
        accounts = [
            Account(name: "root", key: KeyFingerprint("key-root"), role: .admin, isEnrolled: true),
            Account(
                name: "olga",
                key: KeyFingerprint("key-olga"),
                role: .operator,
                isEnrolled: false
            ),
            Account(
                name: "vera",
                key: KeyFingerprint("key-vera"),
                role: .viewer,
                isEnrolled: false
            ),
            Account(name: "root", key: KeyFingerprint("key-mallory"), role: nil, isEnrolled: true),
        ]
    }

    var root: Account { accounts[0] }

    static func secretHash(_ token: JoinTokenID) -> String { "secret-of-\(token)" }

    func seed(lifetime: Duration = .seconds(900)) -> TokenSeed {
        lastSeed += 1
        guard let id = JoinTokenID("t-\(lastSeed)") else {
            preconditionFailure("token \(lastSeed)")
        }
        tokens.append(id)
        return TokenSeed(id: id, secretHash: Self.secretHash(id), lifetime: lifetime)
    }

    /// Asks, and tells what came of it; nil when no answer came in time.
    func ask(
        _ verb: Command.Verb,
        by account: Account? = nil,
        reason: String = "because",
        force: Bool = false,
        then: ((Reply.Outcome?) -> Void)? = nil
    ) {
        lastRequest += 1
        let request = RequestID(lastRequest)
        let account = account ?? root
        let caller = Caller(
            name: account.name,
            key: account.key,
            source: "console:\(request.number)"
        )
        let command = Command(verb, reason: reason, force: force)
        let mayAct = Self.may(account.role, verb) ? (account.isEnrolled ? true : nil) : false
        asked[request] = Asked(caller: caller, command: command, mayAct: mayAct, then: then)
        world.say(account.name.text, "asks \(verb.name) \(verb.object)")
        world.after(world.between(millisecond, 20 * millisecond)) { world in
            world.controller.run { world in
                world.controller.step(.command(request, caller, command))
            }
        }
        world.after(6 * second) { _ in self.giveUp(request) }
    }

    func giveUp(_ request: RequestID) {
        guard let waiting = asked[request] else { return }
        asked[request] = nil
        waiting.then?(nil)
    }

    func answered(_ reply: Reply) {
        world.checks.replied(reply, asked[reply.request])
        guard let waiting = asked[reply.request] else { return }
        asked[reply.request] = nil
        waiting.then?(reply.outcome)
    }

    func controllerEnded() {
        let waiting = asked
        asked = OrderedTable()
        for entry in waiting.values { entry.then?(nil) }
    }

    /// The least role of each verb, written down a second time.
    static func may(_ role: OperatorRole?, _ verb: Command.Verb) -> Bool {
        switch verb {
        case .cordon, .uncordon, .drain, .beginMaintenance, .endMaintenance, .release, .service,
            .preflight, .cancelTasks, .retryTasks, .resolveTasks, .readPayload, .readFile,
            .addSchedule, .removeSchedule, .pauseSchedule, .resumeSchedule, .setCalendar,
            .removeCalendar, .retryStep, .abortRun, .answerRun, .pauseAutomatic, .addSilence,
            .endSilence, .testReceiver, .retryDelivery, .retryDeliveries, .dropDelivery,
            .dropUndelivered:
            role == .operator || role == .admin
        case .addNode, .removeNodes, .createToken, .revokeToken, .addOperator, .removeOperator,
            .addSite, .removeSite, .setSiteMinimum, .set, .unset, .backup, .pairNodes, .unpairNode,
            .setSiteForm, .setPlan, .removePlan, .skipStep, .certifyNode, .acceptLoss,
            .resumeAutomatic, .liftBrake, .setNotifyRules:
            role == .admin
        case .startRun(let request):
            request.kind == .drill ? role == .operator || role == .admin : role == .admin
        case .readOutput, .readRunOutputs: role != nil
        }
    }

    // MARK: Making the cluster

    func bootstrap() {
        insist(.addSite("b")) {
            self.expectHosts()
            self.writePlans()
            self.insist(.setNotifyRules(ControllerHost.rules)) {}
        }
        for index in 1...2 {
            let seed = seed()
            accounts[index].token = seed.id
            let account = accounts[index]
            guard let role = account.role else { continue }
            insist(.addOperator(account.name, role, token: seed)) { self.enrol(index) }
        }
    }

    private func expectHosts() {
        for host in world.hosts where !host.isClone { invite(host) }
    }

    /// Adds a node and lets its machine join by its token.
    func invite(_ host: AgentHost) {
        let seed = seed()
        let isNamed = world.happens(perMille: 500)
        guard let name = NodeName("n\(host.index)-\(seed.id)") else { return }
        let verb: Command.Verb =
            isNamed
            ? .addNode(name, site: host.site, address: nil, token: seed)
            : .createToken(seed, site: host.site, node: nil)
        insist(verb) {
            host.join(token: seed.id, secret: Self.secretHash(seed.id), name: isNamed ? nil : name)
        }
    }

    func refusedToJoin(_ host: AgentHost, _ joining: Joining, _ code: RefusalCode) {
        guard !host.isClone, host.isMeantToJoin else { return }
        world.after(world.between(second, 5 * second)) { _ in
            if host.identity == nil { self.invite(host) }
        }
    }

    /// Until it is done or turned out to be done already.
    func insist(_ verb: Command.Verb, then: @escaping () -> Void) {
        ask(verb) { outcome in
            switch outcome {
            case .done: then()
            case .refused(let refused) where refused.code == .duplicate: then()
            default:
                self.world.after(second) { _ in self.insist(verb, then: then) }
            }
        }
    }

    private func enrol(_ index: Int) {
        guard let token = accounts[index].token, !accounts[index].isEnrolled else { return }
        lastRequest += 1
        let request = RequestID(lastRequest)
        let account = accounts[index]
        asked[request] = Asked(
            caller: Caller(name: account.name, key: account.key, source: "enrol"),
            command: Command(.preflight([])),
            mayAct: true,
            then: { outcome in
                if case .certificate = outcome {
                    self.accounts[index].isEnrolled = true
                } else {
                    self.world.after(second) { _ in self.enrol(index) }
                }
            }
        )
        let purpose = SigningRequest.Purpose.enrolOperator(
            request,
            token: token,
            secretHash: Self.secretHash(token)
        )
        let signing = SigningRequest(purpose: purpose, key: account.key)
        world.after(5 * millisecond) { world in
            world.controller.run { world in
                world.controller.step(.signingRequested(nil, signing))
            }
        }
        world.after(6 * second) { _ in self.giveUp(request) }
    }
}
