import Model

// How each part of an agent's message stands in its line. Reading and writing of one part stand
// together, so that they cannot drift apart.

extension Hello {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(speaker: try fields.word("speaker"))
        let range = try Self.versions(try fields.text("version"))
        versionMin = range.lowerBound
        versionMax = range.upperBound
        software = fields.optionalText("software") ?? ""
        guard speaker == .agent else { return }
        incarnation = try fields.number("incarnation")
        nonce = fields.optionalText("nonce") ?? ""
        bootID = fields.optionalText("boot") ?? ""
        machineID = fields.optionalText("machine") ?? ""
        highest = try fields.optionalToken("highest") ?? .zero
        revision = try fields.optionalNumber("revision")
    }

    private static func versions(_ text: String) throws(MessageError) -> ClosedRange<UInt16> {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { UInt16($0) }
        guard (1...2).contains(parts.count), numbers.map(String.init) == parts.map(String.init),
            numbers[0] > 0, numbers[0] <= numbers[numbers.count - 1]
        else { throw .bad(key: "version", expected: "a version such as 1 or 1-2") }
        return numbers[0]...numbers[numbers.count - 1]
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
        writer.put("revision", revision)
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
        writer.put("os", operatingSystem, bytesMax: WireLimits.factBytesMax)
        writer.put("os-version", operatingSystemVersion, bytesMax: WireLimits.factBytesMax)
        writer.put("kernel", kernel, bytesMax: WireLimits.factBytesMax)
        writer.put("arch", architecture, bytesMax: WireLimits.factBytesMax)
        writer.put("hostname", hostname, bytesMax: WireLimits.factBytesMax)
        writer.put("path", installPath, bytesMax: WireLimits.factBytesMax)
        writer.put("agent", agentVersion, bytesMax: WireLimits.factBytesMax)
        writer.put("cgroups", cgroups)
        return writer.line
    }
}

extension ServiceReport {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            name: try fields.name("name"),
            group: try fields.optionalName("group") ?? "default",
            order: try fields.optionalNumber("order", in: 0...WireLimits.serviceOrderMax) ?? 0,
            isRequired: try fields.flag("required"),
            isSelfFenced: try fields.flag("self-fenced"),
            isDrainable: try fields.flag("drainable"),
            state: try fields.word("state"),
            isWanted: try fields.flag("wanted"),
            processID: try fields.optionalNumber("pid"),
            restarts: try fields.optionalNumber("restarts") ?? 0,
            detail: fields.optionalText("detail") ?? "",
            inStateMilliseconds: try fields.optionalNumber(
                "in-state",
                in: 0...WireLimits.millisecondsMax
            ) ?? 0
        )
    }

    var line: Line {
        var writer = LineWriter("SERVICE")
        writer.put("name", name)
        writer.put("state", state)
        writer.put("wanted", isWanted)
        writer.put("required", isRequired)
        writer.put("self-fenced", isSelfFenced)
        writer.put("drainable", isDrainable)
        if group != "default" { writer.put("group", group) }
        if order != 0 { writer.put("order", order) }
        writer.put("pid", processID)
        if restarts != 0 { writer.put("restarts", restarts) }
        writer.put("in-state", inStateMilliseconds)
        writer.put("detail", detail, bytesMax: WireLimits.outputBytesMax)
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
            tookMilliseconds: try fields.optionalNumber("took", in: 0...WireLimits.millisecondsMax)
                ?? 0,
            ageMilliseconds: try fields.optionalNumber("age", in: 0...WireLimits.millisecondsMax)
                ?? 0
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
        writer.put("output", output, bytesMax: WireLimits.outputBytesMax)
        return writer.line
    }
}

/// What a size may be. More free than there is would be nonsense to everyone who subtracts: it is
/// read as all free.
private let sizes: ClosedRange<UInt64> = 0...WireLimits.sizeMax

extension Load {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init()
        processors = try fields.number("cpus")
        processorBusyPerMille = try fields.number("cpu", in: 0...1_000)
        loadAverage1 = try fields.optionalNumber("load1") ?? 0
        loadAverage5 = try fields.optionalNumber("load5") ?? 0
        loadAverage15 = try fields.optionalNumber("load15") ?? 0
        memoryTotal = try fields.number("mem", in: sizes)
        memoryAvailable = min(try fields.number("mem-free", in: sizes), memoryTotal)
        swapTotal = try fields.optionalNumber("swap", in: sizes) ?? 0
        swapUsed = min(try fields.optionalNumber("swap-used", in: sizes) ?? 0, swapTotal)
        processorPressurePerMille = try fields.optionalNumber("psi-cpu", in: 0...1_000)
        memoryPressurePerMille = try fields.optionalNumber("psi-mem", in: 0...1_000)
        inputOutputPressurePerMille = try fields.optionalNumber("psi-io", in: 0...1_000)
        networkReceived = try fields.optionalNumber("net-in", in: sizes) ?? 0
        networkSent = try fields.optionalNumber("net-out", in: sizes) ?? 0
        uptimeSeconds =
            try fields.optionalNumber("uptime", in: 0...WireLimits.millisecondsMax / 1_000) ?? 0
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
        let total = try fields.number("total", in: sizes)
        let inodes = try fields.optionalNumber("inodes", in: sizes) ?? 0
        self.init(
            mount: try fields.text("mount"),
            total: total,
            available: min(try fields.number("free", in: sizes), total),
            inodesTotal: inodes,
            inodesAvailable: min(
                try fields.optionalNumber("inodes-free", in: sizes) ?? 0,
                inodes
            )
        )
    }

    var line: Line {
        var writer = LineWriter("DISK")
        writer.put("mount", mount, bytesMax: WireLimits.outputBytesMax)
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
            sent: try fields.number("sent", in: 0...Int64.max),
            wall: try fields.time("wall"),
            health: try fields.word("health"),
            floor: try fields.optionalToken("floor"),
            exclusiveFloor: try fields.optionalToken("exclusive-floor"),
            roundTripMicroseconds: try fields.optionalNumber("rtt")
        )
    }

    var line: Line {
        var writer = LineWriter("BEAT")
        writer.put("seq", sequence)
        writer.put("sent", sent)
        writer.put("wall", wall)
        writer.put("health", health)
        writer.put("floor", floor)
        writer.put("exclusive-floor", exclusiveFloor)
        writer.put("rtt", roundTripMicroseconds)
        return writer.line
    }
}

extension Finding {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            order: try fields.number("order"),
            check: kept(try fields.text("check"), bytesMax: WireLimits.outputBytesMax),
            outcome: try fields.word("outcome"),
            text: kept(fields.optionalText("text") ?? "", bytesMax: WireLimits.outputBytesMax),
            mend: kept(fields.optionalText("mend") ?? "", bytesMax: WireLimits.outputBytesMax)
        )
    }

    var line: Line {
        var writer = LineWriter("FINDING")
        writer.put("order", order)
        writer.put("check", check, bytesMax: WireLimits.outputBytesMax)
        writer.put("outcome", outcome)
        writer.put("text", text, bytesMax: WireLimits.outputBytesMax)
        writer.put("mend", mend, bytesMax: WireLimits.outputBytesMax)
        return writer.line
    }
}
