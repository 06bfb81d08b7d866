public import Model
import Protocol

/// What is wrong with the rules, and where in the document.
public struct NotifyProblem: Hashable, Sendable {
    /// Keys, and places in lists from 0: `["routes", "2", "kinds", "0"]`, `["templates", "kinds",
    /// "node.offline", "body"]`.
    public var path: [String]
    public var text: String
    /// Of a template: where in its text.
    public var place: TemplatePlace?

    public struct TemplatePlace: Hashable, Sendable {
        /// Both count from 1.
        public var line: Int
        public var column: Int

        public init(line: Int, column: Int) {
            self.line = line
            self.column = column
        }
    }

    public init(path: [String], text: String, place: TemplatePlace? = nil) {
        self.path = path
        self.text = text
        self.place = place
    }
}

extension NotifyRules {
    static let problemsMax = 100

    /// Every broken rule, in the document's order; at most 100.
    ///
    /// - Parameters:
    ///   - channels: what the controller's configuration has names for.
    ///   - sites: those there are.
    public func problems(channels: NotifyChannels, sites: [SiteName]) -> [NotifyProblem] {
        var check = RulesCheck(rules: self, channels: channels, sites: sites)
        check.receivers()
        check.routes()
        check.thresholds()
        check.templates()
        check.rest()
        return Array(check.found.prefix(Self.problemsMax))
    }
}

/// The checks, by parts of the document.
private struct RulesCheck {
    let rules: NotifyRules
    let channels: NotifyChannels
    let sites: [SiteName]
    var found: [NotifyProblem] = []

    mutating func say(_ path: [String], _ text: String) {
        found.append(NotifyProblem(path: path, text: text))
    }

    // MARK: Receivers

    mutating func receivers() {
        if rules.receivers.count > NotifyRules.receiversMax {
            say(["receivers"], "there are more than \(NotifyRules.receiversMax) receivers")
        }
        var seen: [ReceiverName] = []
        for receiver in rules.receivers {
            let path = ["receivers", receiver.name.text]
            if seen.contains(receiver.name) { say(path, "\(receiver.name) stands twice") }
            seen.append(receiver.name)
            let count = receiver.destinations.count
            if count == 0 {
                say(path, "\(receiver.name) has no mail, webhooks, alertmanagers or commands")
            } else if count > NotifyReceiver.destinationsMax {
                say(path, "\(receiver.name) has more than \(NotifyReceiver.destinationsMax) places")
            }
            mail(receiver, path)
            names(receiver.webhooks, "webhook", channels.webhooks, path + ["webhooks"])
            names(
                receiver.alertmanagers,
                "alertmanager",
                channels.alertmanagers,
                path + ["alertmanagers"]
            )
            names(receiver.commands, "command", channels.commands, path + ["commands"])
        }
    }

    private mutating func mail(_ receiver: NotifyReceiver, _ path: [String]) {
        if !receiver.mail.isEmpty, !channels.hasMail {
            say(
                path + ["mail"],
                "the controller's configuration says of no mail server: add notify.mail there"
            )
        }
        for (place, address) in receiver.mail.enumerated() {
            let here = path + ["mail", "\(place)"]
            if let problem = MailAddress.problem(of: address) {
                say(here, "\(kept(address, bytesMax: 100)) \(problem)")
            } else if receiver.mail[..<place].contains(address) {
                say(here, "\(address) stands twice")
            }
        }
    }

    private mutating func names(
        _ names: [String],
        _ what: String,
        _ known: [String],
        _ path: [String]
    ) {
        for (place, name) in names.enumerated() {
            if !known.contains(name) {
                let near = NearestName.to(name, among: known).map { "; did you mean \($0)?" } ?? ""
                say(
                    path + ["\(place)"],
                    "the controller's configuration has no \(what) \(kept(name, bytesMax: 100))"
                        + near
                )
            } else if names[..<place].contains(name) {
                say(path + ["\(place)"], "\(name) stands twice")
            }
        }
    }

    // MARK: Routes

    mutating func routes() {
        if rules.routes.count > NotifyRules.routesMax {
            say(["routes"], "there are more than \(NotifyRules.routesMax) routes")
        }
        var takesAll: Int?
        for (place, route) in rules.routes.enumerated() {
            let path = ["routes", "\(place)"]
            if let takesAll {
                say(path, "route \(takesAll) takes everything: this one is never reached")
            }
            if route.kinds.isEmpty || route.kinds.contains(KindPattern("*")), route.sites.isEmpty,
                route.severity == .info, route.planned, !route.continues, takesAll == nil
            {
                takesAll = place
            }
            kinds(route.kinds, path + ["kinds"])
            if route.sites.count > NotifyRoute.sitesMax {
                say(path + ["sites"], "there are more than \(NotifyRoute.sitesMax) sites")
            }
            for (number, site) in route.sites.enumerated() {
                self.site(site, path + ["sites", "\(number)"])
            }
            if route.receivers.isEmpty { say(path, "a route needs receivers") }
            known(route.receivers, path + ["receivers"])
            times(route, path)
        }
    }

    private mutating func kinds(_ kinds: [KindPattern], _ path: [String]) {
        if kinds.count > NotifyRoute.kindsMax {
            say(path, "there are more than \(NotifyRoute.kindsMax) kinds")
        }
        for (place, pattern) in kinds.enumerated() {
            if let problem = pattern.furtherProblem {
                say(path + ["\(place)"], problem)
            }
            guard !EventKind.allCases.contains(where: { pattern.matches($0) }) else { continue }
            let all = EventKind.allCases.map(\.rawValue)
            let near = NearestName.to(pattern.text, among: all).map { "; did you mean \($0)?" }
            say(
                path + ["\(place)"],
                "\(kept(pattern.text, bytesMax: 100)) is no kind of event" + (near ?? "")
            )
        }
    }

    private mutating func times(_ route: NotifyRoute, _ path: [String]) {
        if route.groupWait < .zero || route.groupWait > NotifyRoute.waitMax {
            say(path + ["group-wait"], "is not from 0s to \(NotifyRoute.waitMax.forPeople)")
        }
        if route.groupInterval < .seconds(1) || route.groupInterval > NotifyRoute.intervalMax {
            say(
                path + ["group-interval"],
                "is not from 1s to \(NotifyRoute.intervalMax.forPeople)"
            )
        }
        let isRepeatFine =
            route.repeatInterval == .zero
            || (NotifyRoute.repeatMin...NotifyRoute.repeatMax).contains(route.repeatInterval)
        if !isRepeatFine {
            say(
                path + ["repeat-interval"],
                "is not from \(NotifyRoute.repeatMin.forPeople) to "
                    + "\(NotifyRoute.repeatMax.forPeople), or 0s for never"
            )
        } else if route.repeatInterval > .zero, route.repeatInterval < route.groupInterval {
            say(
                path + ["repeat-interval"],
                "\(route.repeatInterval.forPeople) is shorter than the group interval "
                    + route.groupInterval.forPeople
            )
        }
    }

    private mutating func known(_ receivers: [ReceiverName], _ path: [String]) {
        for (place, name) in receivers.enumerated() {
            if rules.receiver(name) == nil {
                let all = rules.receivers.map(\.name.text)
                let near = NearestName.to(name.text, among: all).map { "; did you mean \($0)?" }
                say(path + ["\(place)"], "there is no receiver \(name)" + (near ?? ""))
            } else if receivers[..<place].contains(name) {
                say(path + ["\(place)"], "\(name) stands twice")
            }
        }
    }

    private mutating func site(_ site: SiteName, _ path: [String]) {
        guard !sites.contains(site) else { return }
        let near = NearestName.to(site.text, among: sites.map(\.text))
        say(path, "there is no site \(site)" + (near.map { "; did you mean \($0)?" } ?? ""))
    }

    // MARK: Thresholds

    mutating func thresholds() {
        if rules.thresholds.count > NotifyRules.thresholdsMax {
            say(["thresholds"], "there are more than \(NotifyRules.thresholdsMax) thresholds")
        }
        var seen: [ThresholdName] = []
        for threshold in rules.thresholds {
            let path = ["thresholds", threshold.name.text]
            if threshold.name == NotifyThreshold.own {
                say(
                    path,
                    "\(NotifyThreshold.own) is the name of what muster site set-minimum sets"
                )
            }
            if seen.contains(threshold.name) { say(path, "\(threshold.name) stands twice") }
            seen.append(threshold.name)
            site(threshold.site, path + ["site"])
            if threshold.minimum == 0 || threshold.minimum > NotifyThreshold.minimumMax {
                say(path + ["minimum"], "is not from 1 to \(NotifyThreshold.minimumMax)")
            }
            for (key, value) in [("for", threshold.hold), ("recover", threshold.recover)]
            where value < .zero || value > NotifyThreshold.holdMax {
                say(path + [key], "is not from 0s to \(NotifyThreshold.holdMax.forPeople)")
            }
            if !threshold.advice.isPlainLine(bytesMax: NotifyThreshold.adviceBytesMax) {
                say(
                    path + ["advice"],
                    "is not one line of at most \(NotifyThreshold.adviceBytesMax) bytes"
                )
            }
        }
    }

    // MARK: Templates

    mutating func templates() {
        let templates = rules.templates
        template(templates.subject, NotifyTemplates.subjectBytesMax, ["templates", "subject"])
        template(templates.body, NotifyTemplates.bodyBytesMax, ["templates", "body"])
        var seen: [EventKind] = []
        for one in templates.kinds {
            let path = ["templates", "kinds", one.kind.rawValue]
            if seen.contains(one.kind) { say(path, "\(one.kind.rawValue) stands twice") }
            seen.append(one.kind)
            if let problem = KindPattern(one.kind.rawValue).furtherProblem { say(path, problem) }
            template(one.subject, NotifyTemplates.subjectBytesMax, path + ["subject"])
            template(one.body, NotifyTemplates.bodyBytesMax, path + ["body"])
        }
    }

    private mutating func template(_ text: String?, _ bytesMax: Int, _ path: [String]) {
        guard let text else { return }
        if text.utf8.count > bytesMax { return say(path, "has more than \(bytesMax) bytes") }
        for problem in NoticeTemplate.problems(of: text) {
            found.append(
                NotifyProblem(
                    path: path,
                    text: problem.text,
                    place: .init(line: problem.line, column: problem.column)
                )
            )
        }
        if text.unicodeScalars.contains(where: { !$0.isPlain && $0 != "\n" && $0 != "\t" }) {
            say(path, "holds a control character")
        }
    }

    // MARK: The rest

    mutating func rest() {
        if rules.giveUpAfter < .seconds(60) || rules.giveUpAfter > .seconds(30 * 86_400) {
            say(["undeliverable", "give-up-after"], "is not from 1m00s to 30d00h")
        }
        known(rules.undeliverable, ["undeliverable", "receivers"])
        if !rules.pages.isPlainLine(bytesMax: 300) {
            say(["pages"], "is not one line of at most 300 bytes")
        } else if !NotifyRules.isPages(rules.pages) {
            say(
                ["pages"],
                "\(kept(rules.pages, bytesMax: 100)) is no address such as "
                    + "https://wiki.example.org/muster/{kind}"
            )
        }
        if rules.source.utf8.count > NotifyRules.sourceBytesMax {
            say([], "the document has more than \(NotifyRules.sourceBytesMax) bytes")
        } else if rules.source.unicodeScalars.contains(where: {
            !$0.isPlain && $0 != "\n" && $0 != "\t" && $0 != "\r"
        }) {
            say([], "the document holds a control character")
        }
    }
}

extension KindPattern {
    /// What gets worse is told by the alarm of what it began as, which is the kind that is matched.
    var furtherProblem: String? {
        guard let kind = EventKind(rawValue: text), let of = kind.role.furthers else { return nil }
        return "\(text) belongs to the alarm \(of.rawValue): name that instead"
    }
}
