import API
import ControllerCore
import Foundation
import Hummingbird
import Model
import Protocol
import Store
import YAMLFiles

// Notifications: the rules are read, checked and set from a file's text; receivers are tried; what is
// on its way is looked at and hurried.

extension ConsoleRoutes {
    func showNotify(_ request: ConsoleRequest) async throws -> Response {
        try ConsoleAnswer.json(await views { $0.notifyStatus })
    }

    // MARK: Rules

    func getNotifyRules(_ request: ConsoleRequest) async throws -> Response {
        let text = await views { views in
            let record = views.machine.notify.record
            return NotifyRulesText(
                asOf: views.asOf,
                version: record?.version ?? 0,
                by: record?.by,
                at: record?.at.iso8601,
                lines: (record?.rules.source).map {
                    $0.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
                } ?? []
            )
        }
        return try ConsoleAnswer.json(text)
    }

    /// Says every mistake of rules, and changes nothing.
    func checkNotifyRules(_ request: ConsoleRequest) async throws -> Response {
        // Nothing reaches the machine, which would ask who it is.
        _ = try await account(of: caller(request))
        let body = try request.body(as: SetDocumentRequest.self)
        let asOf = DriverLoop.moment().wall.iso8601
        let check: NotifyCheck
        switch await read(body.text, body.file) {
        case .success(let read):
            check = NotifyCheck(
                asOf: asOf,
                mistakes: [],
                warnings: read.warnings.map { DocumentMistake($0) },
                rules: NotifyRulesView(read.rules)
            )
        case .failure(let error):
            check = NotifyCheck(asOf: asOf, mistakes: error.problems.map { DocumentMistake($0) })
        }
        return try ConsoleAnswer.json(check)
    }

    func setNotifyRules(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: SetDocumentRequest.self)
        let read = try await rules(body.text, body.file)
        let remark = read.warnings.map(\.description).joined(separator: "; ")
        return try await change(
            .setNotifyRules(read.rules),
            body,
            request,
            remark: remark.isEmpty ? nil : remark
        )
    }

    func previewNotice(_ request: ConsoleRequest) async throws -> Response {
        _ = try await account(of: caller(request))
        let body = try request.body(as: NotifyPreviewRequest.self)
        guard let kind = EventKind(rawValue: body.kind) else { throw Self.unknownKind(body.kind) }
        guard let state = NoticeState(rawValue: body.state ?? NoticeState.firing.rawValue),
            state != .test
        else {
            throw API.Failure(
                code: RefusalCode.invalid.rawValue,
                detail: "state is not firing, resolved or told"
            )
        }
        var other: NotifyRules?
        if let text = body.text { other = try await rules(text, body.file).rules }
        let preview = await views { views in
            let message = views.machine.preview(of: kind, state, rules: other)
            return NotifyPreview(
                asOf: views.asOf,
                kind: kind.rawValue,
                state: state.rawValue,
                subject: message.subject,
                lines: NodeViews.lines(message.text)
            )
        }
        return try ConsoleAnswer.json(preview)
    }

    static func unknownKind(_ text: String) -> API.Failure {
        let kinds = EventKind.allCases.map(\.rawValue)
        // A family: `nod.` or `nod`.
        let families = kinds.map { String($0.prefix { $0 != "." }) }
        let word = text.hasSuffix(".") ? String(text.dropLast()) : text
        let near = NearestName.to(text, among: kinds) ?? NearestName.to(word, among: families)
        return API.Failure(
            code: RefusalCode.unknownName.rawValue,
            detail: "there is no kind of event \(kept(text, bytesMax: 100))",
            mend: near.map { "did you mean \($0)?" } ?? "muster notify explain lists them"
        )
    }

    private typealias ReadRules = (rules: NotifyRules, warnings: [ConfigurationProblem])

    private func rules(_ text: String, _ file: String?) async throws -> ReadRules {
        switch await read(text, file) {
        case .success(let read): return read
        case .failure(let error):
            throw API.Failure(
                code: RefusalCode.invalid.rawValue,
                detail: error.description,
                mend: "muster notify check FILE says the same and changes nothing"
            )
        }
    }

    private func read(
        _ text: String,
        _ file: String?
    ) async -> Result<ReadRules, ConfigurationError> {
        let (channels, nodes) = await driver.read { machine, _ in
            (machine.settings.channels, machine.nodesOfSites)
        }
        return Result { () throws(ConfigurationError) in
            try NotifyRulesFile.parse(
                text,
                path: file ?? "rules",
                channels: channels,
                nodes: nodes
            )
        }
    }

    // MARK: Messages

    func testReceiver(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: PlainChange.self)
        let name = try request.name("name", as: ReceiverNameKind.self)
        guard case .done(let text, _) = try await perform(.testReceiver(name), body, request)
        else { throw API.Failure(code: API.FailureCode.internal, detail: "an unexpected reply") }
        let notice = await views { views in
            views.machine.notify.notices.values.last {
                $0.receiver == name && $0.message.state == .test
            }?.number
        }
        guard let notice else {
            throw API.Failure(
                code: RefusalCode.notNow.rawValue,
                detail: "receiver \(name) has no place to send to",
                mend: "muster notify show"
            )
        }
        return try ConsoleAnswer.json(
            NoticePosted(asOf: DriverLoop.moment().wall.iso8601, text: text, notice: notice),
            status: .accepted
        )
    }

    func listNotices(_ request: ConsoleRequest) async throws -> Response {
        let limit = Int(
            try request.query(
                "limit",
                in: 1...UInt64(NotifyDeliveryList.limitMax),
                default: UInt64(NotifyDeliveryList.limitDefault)
            )
        )
        let isPending = request.query("pending") == "true"
        let receiver = request.query("receiver")
        let list = await views {
            $0.deliveries(limit: limit, isPending: isPending, receiver: receiver)
        }
        return try ConsoleAnswer.json(list)
    }

    func showNotice(_ request: ConsoleRequest) async throws -> Response {
        let number = try request.number("number")
        guard let notice = await views({ $0.notice(number) }) else {
            throw API.Failure(
                code: RefusalCode.unknownName.rawValue,
                detail: "there is no notice \(number), or it was long ago",
                mend: "muster notify list"
            )
        }
        return try ConsoleAnswer.json(notice)
    }

    func changeDelivery(
        _ request: ConsoleRequest,
        _ verb: (UInt64) -> Command.Verb
    ) async throws -> Response {
        let body = try request.body(as: PlainChange.self)
        return try await change(verb(try request.number("number")), body, request)
    }

    // MARK: Silences

    func listSilences(_ request: ConsoleRequest) async throws -> Response {
        let list = await views { NotifySilenceList(asOf: $0.asOf, silences: $0.silences) }
        return try ConsoleAnswer.json(list)
    }

    func addSilence(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: AddSilenceRequest.self)
        var sites: [SiteName] = []
        for text in body.sites ?? [] {
            sites.append(try ConsoleRequest.name(text, as: SiteKind.self))
        }
        let length = try duration(body.forMilliseconds, "forMilliseconds")
        let draft = SilenceDraft(
            kinds: (body.kinds ?? []).map { KindPattern($0) },
            sites: sites,
            subject: body.subject ?? "",
            owner: body.owner ?? caller(request).name.text,
            until: DriverLoop.moment().wall + length
        )
        return try await change(
            .addSilence(draft),
            body,
            request,
            remark: try await remark(on: draft)
        )
    }

    /// A silence over what is not there is taken, because it may come; somebody has mistyped it rather.
    private func remark(on draft: SilenceDraft) async throws -> String? {
        guard !draft.subject.isEmpty,
            let remark = await views({ $0.remark(on: draft) }),
            try latestEvents(limit: 1, EventFilter(subject: draft.subject)).isEmpty
        else { return nil }
        return remark
    }

    func endSilence(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: PlainChange.self)
        return try await change(.endSilence(try request.number("number")), body, request)
    }
}

extension DocumentMistake {
    init(_ problem: ConfigurationProblem) {
        self.init(line: problem.line, column: problem.column, text: problem.text)
    }
}
