import ControllerCore
import Model
import Protocol

extension Stage {
    /// Site `a`, active, with node n1 that runs `db`; site `b` with node n2 that defines it.
    static func twoSites(
        isSelfFenced: Bool = false,
        handlers: [HandlerReport] = [],
        settings: ControllerSettings = ControllerSettings()
    ) -> (Stage, production: ConnectionID, standby: ConnectionID) {
        var stage = Stage(settings: settings)
        stage.ask(.addSite("b"))
        let production = stage.online(
            "n1",
            [.plain("db", .running, isWanted: true, isSelfFenced: isSelfFenced)],
            handlers: handlers
        )
        let standby = stage.online(
            "n2",
            [.plain("db", isSelfFenced: isSelfFenced)],
            handlers: handlers,
            site: "b"
        )
        return (stage, production, standby)
    }

    /// Somebody with an account and a certificate.
    mutating func person(_ name: OperatorName, _ role: OperatorRole) -> Caller {
        let token = seed()
        ask(.addOperator(name, role, token: token))
        let key = KeyFingerprint("key-\(name)")
        let purpose = SigningRequest.Purpose.enrolOperator(
            RequestID(8_000 + UInt64(lastToken)),
            token: token.id,
            secretHash: token.secretHash
        )
        step(.signingRequested(nil, SigningRequest(purpose: purpose, key: key)))
        return Caller(name: name, key: key, source: "console")
    }

    mutating func begin(
        _ kind: RunKind = .switchover,
        to site: SiteName = "b",
        plan: PlanName? = nil,
        force: Bool = false
    ) {
        ask(.startRun(RunRequest(kind: kind, to: site, plan: plan)), force: force)
    }

    /// The newest run, ended or not.
    var run: RunRecord { machine.runs.runs.values.last! }

    var step: RunStepRecord { machine.runs.steps(of: run.id)[Int(run.step)] }

    var stepName: String { step.step.name.text }

    func steps() -> [String] {
        machine.runs.steps(of: run.id).map { "\($0.step.name) \($0.state.rawValue)" }
    }

    mutating func report(
        _ service: ServiceName,
        _ state: ServiceState,
        isWanted: Bool,
        isSelfFenced: Bool = false,
        isDrainable: Bool = false,
        on connection: ConnectionID
    ) {
        say(
            .service(
                .plain(
                    service,
                    state,
                    isWanted: isWanted,
                    isSelfFenced: isSelfFenced,
                    isDrainable: isDrainable
                )
            ),
            on: connection
        )
    }

    /// What a node says when nothing of session 1 or older runs there.
    static let floorOfSession1 = FencingToken(
        epoch: Epoch(generation: 1, counter: 1),
        session: 1
    )

    func roles(_ connection: ConnectionID) -> [String] {
        sent.filter { $0.connection == connection }.compactMap {
            guard case .role(let role, let token, _, _) = $0.message else { return nil }
            return "\(role.rawValue) \(token)"
        }
    }

    mutating func answerHook(isDone: Bool, _ text: String = "said so") {
        guard let hook = hooks.last else { preconditionFailure("no hook was called") }
        step(.hookEnded(hook.id, isDone: isDone, text: text))
    }
}

extension PlanDraft {
    /// Fence, then activate, with steps before, between and after.
    static func around(
        before: [PlanStep] = [],
        fence: PlanStep = PlanStep(name: "fence", act: .fence(with: nil), timeout: .seconds(60)),
        after: [PlanStep] = []
    ) -> PlanDraft {
        PlanDraft(
            name: "written",
            kinds: [.switchover, .failover],
            steps: before + [fence, PlanStep(name: "activate", act: .activate)] + after
        )
    }
}
