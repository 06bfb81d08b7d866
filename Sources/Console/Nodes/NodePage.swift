import API
import Model

/// `muster node show`: one node, looked into.
struct NodePage {
    var detail: NodeDetail
    var style: Style
    var now: WallTime
    var width: Int
    var isWide: Bool
    /// Columns of the terminal when it is wide; nil for as many as it takes.
    var wideWidth: Int?

    var tableWidth: Int? { isWide ? wideWidth : width }

    private var node: NodeSummary { detail.node }

    func lines() -> [String] {
        var lines = head()
        lines += records()
        lines += section("TYPE NEXT", (detail.next ?? []).map { "  " + style.paint($0, .accent) })
        lines += section("SERVICES", services())
        lines += section("CHECKS", checks())
        lines += section("TASKS", work())
        lines += section("LOAD", load())
        lines += section("PREFLIGHT", findings())
        lines += section("LAST EVENTS", events())
        lines += section("ABOUT", about())
        guard let tableWidth else { return lines }
        return lines.map { DisplayWidth.cutPainted($0, to: tableWidth, mark: style.ellipsis) }
    }

    private func head() -> [String] {
        let tone = NodeWords.statusTone(node)
        let word = "\(style.symbol(tone)) \(NodeWords.statusWord(node.status))"
        let since = NodeWords.duration(since: node.since, at: now)
        var first = "\(style.paint(node.name, .strong))  site \(node.site)  "
        first += "\(style.paint(word, tone)) for \(since)"
        if !node.marks.isEmpty {
            first += "  \(style.dot) \(node.marks.map(\.rawValue).joined(separator: ", "))"
        }
        var lines = [first]
        if !node.reason.isEmpty { lines.append("  \(style.paint(node.reason, tone))") }
        if let meaning = detail.meaning {
            lines += NotifyWords.wrapped(meaning, indent: "", width: width - 2).map { "  " + $0 }
        }
        guard node.membership != Membership.invited.rawValue else { return lines }
        let heard =
            node.heartbeatAgeMilliseconds.map {
                "last heartbeat \(DurationText.text(milliseconds: $0)) ago"
            } ?? "not heard of since the controller started"
        var facts = ["\(node.reachability), \(heard)"]
        if let health = node.health { facts.append("says it is \(health)") }
        if let trip = node.roundTripMicroseconds {
            facts.append("round trip \(DurationText.text(microseconds: trip))")
        }
        if let offset = node.clockOffsetMilliseconds {
            facts.append("clock \(offset >= 0 ? "+" : "")\(offset)ms")
        }
        return lines + ["  " + facts.joined(separator: " \(style.dot) ")]
    }

    /// What operators and the controller have laid upon it.
    private func records() -> [String] {
        var lines: [String] = []
        func add(_ what: String, _ text: String, by: String, _ reason: String, _ at: String) {
            let why = reason.isEmpty ? "" : ": \(reason)"
            let age = NodeWords.duration(since: at, at: now)
            lines.append("  \(style.paint(what, .warning)) \(text)by \(by) \(age) ago\(why)")
        }
        if let cordon = detail.cordon {
            add("cordoned", "", by: cordon.by, cordon.reason, cordon.at)
        }
        if let drain = detail.drain {
            let state =
                drain.finished
                ? "finished, "
                : drain.overdue
                    ? "overdue, " : "ends \(NodeWords.until(drain.deadline, at: now)), "
            add("drain", state, by: drain.by, drain.reason, drain.at)
        }
        if let work = detail.maintenance {
            let end = "ends \(NodeWords.until(work.until, at: now)), "
            add("maintenance", end, by: work.owner, work.reason, work.at)
        }
        if let until = node.holdDownUntil {
            let end = NodeWords.until(until, at: now)
            lines.append(
                "  \(style.paint("held", .bad)) after repeated losses, ends \(end); or type:"
                    + " \(style.paint("muster node release \(node.name)", .accent))"
            )
        }
        if let conflict = detail.conflict {
            lines.append("  \(style.paint("conflicted", .bad)) \(conflict)")
        }
        if node.marks.contains(.mayAct), let until = node.mayActUntil {
            lines.append(
                "  it may still act on its last lease, ends \(NodeWords.until(until, at: now))"
            )
        }
        return lines
    }

    private func section(_ title: String, _ lines: [String]) -> [String] {
        lines.isEmpty ? [] : ["", style.paint(title, .faint)] + lines
    }

    private func lines(_ table: Table) -> [String] {
        var table = table
        table.hasHeader = false
        table.indent = "  "
        return table.lines(style: style, width: tableWidth)
    }

    private func services() -> [String] {
        var table = Table([
            .init("NAME"), .init("STATE"), .init("FOR", right: true), .init("KIND"),
            .init("DETAIL", flexible: true),
        ])
        for service in detail.services {
            var kind = [service.required ? "required" : "optional"]
            if service.selfFenced { kind.append("self-fenced") }
            if !service.wanted { kind.append("not wanted") }
            var about: [String] = []
            if let processID = service.processID { about.append("pid \(processID)") }
            if service.restarts > 1 { about.append("\(service.restarts) starts") }
            if !service.detail.isEmpty { about.append(service.detail) }
            table.add([
                Cell(service.name, .strong),
                ServiceWords.state(service, style: style),
                Cell(DurationText.text(milliseconds: service.inStateMilliseconds)),
                Cell(kind.joined(separator: ", ")),
                Cell(about.joined(separator: ", ")),
            ])
        }
        return lines(table)
    }

    private func checks() -> [String] {
        var table = Table([
            .init("CHECK"), .init("STATE"), .init("AGE", right: true), .init("TOOK", right: true),
            .init("OUTPUT", flexible: true),
        ])
        for service in detail.services {
            for check in service.checks {
                let tone: Tone =
                    check.state == CheckState.passing.rawValue
                    ? .good : check.state == CheckState.failing.rawValue ? .bad : .warning
                table.add([
                    Cell("\(service.name)/\(check.name)"),
                    Cell("\(style.symbol(tone)) \(check.state)", tone),
                    Cell("\(DurationText.text(milliseconds: check.ageMilliseconds)) ago"),
                    Cell("\(check.tookMilliseconds)ms"),
                    Cell(check.output),
                ])
            }
        }
        return lines(table)
    }

    private func load() -> [String] {
        guard let load = detail.load else { return [] }
        func share(_ perMille: UInt32) -> String { SizeText.percent(perMille: perMille) }
        func average(_ value: UInt32) -> String { SizeText.loadAverage(thousandths: value) }
        let age = DurationText.text(milliseconds: load.ageMilliseconds)
        let averages = [
            load.loadAverage1Thousandths, load.loadAverage5Thousandths,
            load.loadAverage15Thousandths,
        ].map(average).joined(separator: " ")
        let used = load.memoryTotalBytes - min(load.memoryAvailableBytes, load.memoryTotalBytes)
        var lines = [
            "  cpu \(share(load.processorBusyPerMille)) of \(load.processors)"
                + " \(style.dot) load \(averages) \(style.dot) as of \(age) ago",
            "  memory \(SizeText.bytes(used)) of \(SizeText.bytes(load.memoryTotalBytes))"
                + " \(style.dot) swap \(SizeText.bytes(load.swapUsedBytes)) of"
                + " \(SizeText.bytes(load.swapTotalBytes))"
                + " \(style.dot) up \(DurationText.text(milliseconds: load.uptimeMilliseconds))",
            "  network in \(SizeText.bytes(load.networkReceivedBytesPerSecond))/s,"
                + " out \(SizeText.bytes(load.networkSentBytesPerSecond))/s",
        ]
        let pressures = [
            ("cpu", load.processorPressurePerMille), ("memory", load.memoryPressurePerMille),
            ("io", load.inputOutputPressurePerMille),
        ].compactMap { name, value in value.map { "\(name) \(share($0))" } }
        if !pressures.isEmpty {
            lines[2] += " \(style.dot) pressure " + pressures.joined(separator: ", ")
        }
        for disk in detail.disks {
            let free = SizeText.bytes(disk.availableBytes)
            let text = "\(disk.mount) \(share(disk.usedPerMille)) full, \(free) free"
            lines.append("  disk \(style.paint(text, NodeWords.share(disk.usedPerMille).tone))")
        }
        return lines
    }

    private func findings() -> [String] {
        PreflightWords.lines(
            detail.findings.filter { $0.outcome != "passed" },
            style: style,
            width: tableWidth,
            hasNode: false
        )
    }

    private func events() -> [String] {
        EventWords.table(
            detail.lastEvents,
            style: style,
            at: now,
            isWide: isWide,
            hasSubject: false
        )
        .lines(style: style, width: tableWidth)
    }

    private func about() -> [String] {
        var table = Table([.init("WHAT"), .init("IS", flexible: true)])
        func add(_ what: String, _ text: String?) {
            if let text, !text.isEmpty { table.add([Cell(what, .faint), Cell(text)]) }
        }
        add("address", node.address)
        if detail.declaredAddress != node.address { add("declared", detail.declaredAddress) }
        if let facts = detail.facts {
            add("system", "\(facts.operatingSystem) \(facts.operatingSystemVersion)")
            add("kernel", "\(facts.kernel) \(facts.architecture)")
            add("hostname", facts.hostname)
            add("agent", "\(facts.agentVersion) in \(facts.installPath)")
            add("services in", facts.cgroups ? "cgroups" : "process groups")
        }
        let held = detail.configuration.held.map { "\($0)" } ?? "none"
        add("configuration", "runs \(held), current \(detail.configuration.current)")
        if let certificate = detail.certificate {
            add("certificate", "ends \(NodeWords.until(certificate.notAfter, at: now))")
            if isWide {
                add("serial", certificate.serial)
                add("key", certificate.fingerprint)
            }
        }
        add("member", "\(node.membership), added by \(detail.addedBy) \(added)")
        add("incarnation", "\(detail.incarnation), session \(detail.session)")
        add("identity", node.id)
        return lines(table)
    }

    private var added: String {
        isWide
            ? TimeText.long(detail.addedAt)
            : "\(NodeWords.duration(since: detail.addedAt, at: now)) ago"
    }
}
