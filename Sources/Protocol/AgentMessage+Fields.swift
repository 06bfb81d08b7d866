import Model

// How each part of an agent's message stands in its line. Reading and writing of one part stand
// together, so that they cannot drift apart.

extension Hello {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(speaker: try fields.word("speaker"))
        let versions = try fields.text("version").split(separator: "-")
        guard let low = versions.first.flatMap({ UInt16($0) }),
            let high = versions.last.flatMap({ UInt16($0) }), versions.count <= 2, low <= high,
            low > 0
        else { throw .bad(key: "version", expected: "a version such as 1 or 1-2") }
        versionMin = low
        versionMax = high
        software = fields.optionalText("software") ?? ""
        guard speaker == .agent else { return }
        incarnation = try fields.number("incarnation")
        nonce = fields.optionalText("nonce") ?? ""
        bootID = fields.optionalText("boot") ?? ""
        machineID = fields.optionalText("machine") ?? ""
        highest = try fields.optionalToken("highest") ?? .zero
    }

    var line: Line {
        var writer = LineWriter("HELLO")
        writer.put(
            "version",
            versionMin == versionMax ? "\(versionMin)" : "\(versionMin)-\(versionMax)"
        )
        writer.put("speaker", speaker)
        writer.put("software", software)
        guard speaker == .agent else { return writer.line }
        writer.put("incarnation", incarnation)
        writer.put("nonce", nonce)
        writer.put("boot", bootID)
        writer.put("machine", machineID)
        if highest != .zero { writer.put("highest", highest) }
        return writer.line
    }
}

extension Facts {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            operatingSystem: try fields.text("os"),
            operatingSystemVersion: fields.optionalText("os-version") ?? "",
            kernel: fields.optionalText("kernel") ?? "",
            architecture: try fields.text("arch"),
            hostname: fields.optionalText("hostname") ?? "",
            installPath: fields.optionalText("path") ?? "",
            agentVersion: fields.optionalText("agent") ?? "",
            cgroups: try fields.flag("cgroups")
        )
    }

    var line: Line {
        var writer = LineWriter("FACTS")
        writer.put("os", operatingSystem)
        writer.put("os-version", operatingSystemVersion)
        writer.put("kernel", kernel)
        writer.put("arch", architecture)
        writer.put("hostname", hostname)
        writer.put("path", installPath)
        writer.put("agent", agentVersion)
        writer.put("cgroups", cgroups)
        return writer.line
    }
}

extension ServiceReport {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            name: try fields.name("name"),
            group: try fields.optionalName("group") ?? "default",
            order: try fields.optionalNumber("order") ?? 0,
            isRequired: try fields.flag("required"),
            isSelfFenced: try fields.flag("self-fenced"),
            state: try fields.word("state"),
            isWanted: try fields.flag("wanted"),
            processID: try fields.optionalNumber("pid"),
            restarts: try fields.optionalNumber("restarts") ?? 0,
            detail: fields.optionalText("detail") ?? "",
            inStateMilliseconds: try fields.optionalNumber("in-state") ?? 0
        )
    }

    var line: Line {
        var writer = LineWriter("SERVICE")
        writer.put("name", name)
        writer.put("state", state)
        writer.put("wanted", isWanted)
        writer.put("required", isRequired)
        writer.put("self-fenced", isSelfFenced)
        if group != "default" { writer.put("group", group) }
        if order != 0 { writer.put("order", order) }
        writer.put("pid", processID)
        if restarts != 0 { writer.put("restarts", restarts) }
        writer.put("in-state", inStateMilliseconds)
        writer.put("detail", truncated(detail, toBytes: WireLimits.outputBytesMax))
        return writer.line
    }
}

extension CheckReport {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            service: try fields.name("service"),
            name: try fields.name("name"),
            kind: try fields.text("kind"),
            state: try fields.word("state"),
            output: fields.optionalText("output") ?? "",
            tookMilliseconds: try fields.optionalNumber("took") ?? 0,
            ageMilliseconds: try fields.optionalNumber("age") ?? 0
        )
    }

    var line: Line {
        var writer = LineWriter("CHECK")
        writer.put("service", service)
        writer.put("name", name)
        writer.put("kind", kind)
        writer.put("state", state)
        writer.put("took", tookMilliseconds)
        writer.put("age", ageMilliseconds)
        writer.put("output", truncated(output, toBytes: WireLimits.outputBytesMax))
        return writer.line
    }
}

extension Load {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init()
        processors = try fields.number("cpus")
        processorBusyPerMille = try fields.number("cpu")
        loadAverage1 = try fields.optionalNumber("load1") ?? 0
        loadAverage5 = try fields.optionalNumber("load5") ?? 0
        loadAverage15 = try fields.optionalNumber("load15") ?? 0
        memoryTotal = try fields.number("mem")
        memoryAvailable = try fields.number("mem-free")
        swapTotal = try fields.optionalNumber("swap") ?? 0
        swapUsed = try fields.optionalNumber("swap-used") ?? 0
        processorPressurePerMille = try fields.optionalNumber("psi-cpu")
        memoryPressurePerMille = try fields.optionalNumber("psi-mem")
        inputOutputPressurePerMille = try fields.optionalNumber("psi-io")
        networkReceived = try fields.optionalNumber("net-in") ?? 0
        networkSent = try fields.optionalNumber("net-out") ?? 0
        uptimeSeconds = try fields.optionalNumber("uptime") ?? 0
        guard processorBusyPerMille <= 1_000 else {
            throw .bad(key: "cpu", expected: "a share from 0 to 1000")
        }
    }

    func line(disks: UInt32) -> Line {
        var writer = LineWriter("LOAD")
        writer.put("cpus", processors)
        writer.put("cpu", processorBusyPerMille)
        writer.put("load1", loadAverage1)
        writer.put("load5", loadAverage5)
        writer.put("load15", loadAverage15)
        writer.put("mem", memoryTotal)
        writer.put("mem-free", memoryAvailable)
        writer.put("swap", swapTotal)
        writer.put("swap-used", swapUsed)
        writer.put("psi-cpu", processorPressurePerMille)
        writer.put("psi-mem", memoryPressurePerMille)
        writer.put("psi-io", inputOutputPressurePerMille)
        writer.put("net-in", networkReceived)
        writer.put("net-out", networkSent)
        writer.put("uptime", uptimeSeconds)
        writer.put("disks", disks)
        return writer.line
    }
}

extension Disk {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            mount: try fields.text("mount"),
            total: try fields.number("total"),
            available: try fields.number("free"),
            inodesTotal: try fields.optionalNumber("inodes") ?? 0,
            inodesAvailable: try fields.optionalNumber("inodes-free") ?? 0
        )
    }

    var line: Line {
        var writer = LineWriter("DISK")
        writer.put("mount", mount)
        writer.put("total", total)
        writer.put("free", available)
        writer.put("inodes", inodesTotal)
        writer.put("inodes-free", inodesAvailable)
        return writer.line
    }
}

extension Beat {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            sequence: try fields.number("seq"),
            sent: try fields.number("sent"),
            wall: try fields.time("wall"),
            health: try fields.word("health"),
            floor: try fields.optionalToken("floor")
        )
        guard sent >= 0 else { throw .bad(key: "sent", expected: "a boot clock, 0 or more") }
    }

    var line: Line {
        var writer = LineWriter("BEAT")
        writer.put("seq", sequence)
        writer.put("sent", sent)
        writer.put("wall", wall)
        writer.put("health", health)
        writer.put("floor", floor)
        return writer.line
    }
}

extension Finding {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            order: try fields.number("order"),
            check: try fields.text("check"),
            outcome: try fields.word("outcome"),
            text: fields.optionalText("text") ?? "",
            mend: fields.optionalText("mend") ?? ""
        )
    }

    var line: Line {
        var writer = LineWriter("FINDING")
        writer.put("order", order)
        writer.put("check", check)
        writer.put("outcome", outcome)
        writer.put("text", truncated(text, toBytes: WireLimits.outputBytesMax))
        writer.put("mend", truncated(mend, toBytes: WireLimits.outputBytesMax))
        return writer.line
    }
}

/// Cuts at a character's edge, never inside one.
func truncated(_ text: String, toBytes limit: Int) -> String {
    guard text.utf8.count > limit else { return text }
    var kept = ""
    var bytes = 0
    for character in text {
        let size = String(character).utf8.count
        if bytes + size > limit - 3 { break }
        kept.append(character)
        bytes += size
    }
    return kept + "…"
}
