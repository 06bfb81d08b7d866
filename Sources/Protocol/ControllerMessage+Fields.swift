import Model

// How each part of a controller's message stands in its line.

extension Enrolled {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            node: try fields.name("node"),
            name: try fields.name("name"),
            site: try fields.name("site"),
            cluster: try fields.name("cluster"),
            certificate: try fields.text("certificate"),
            issuer: try fields.text("issuer")
        )
    }

    var line: Line {
        var writer = LineWriter("ENROLLED")
        writer.put("node", node)
        writer.put("name", name)
        writer.put("site", site)
        writer.put("cluster", cluster)
        writer.put("certificate", certificate)
        writer.put("issuer", issuer)
        return writer.line
    }
}

extension Welcome {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            version: try fields.number("version"),
            cluster: try fields.name("cluster"),
            node: try fields.name("node"),
            name: try fields.name("name"),
            site: try fields.name("site"),
            role: try fields.word("role"),
            drill: try fields.optionalNumber("drill"),
            drains: try fields.optionalToken("drains"),
            token: try fields.token("token"),
            nonce: try fields.text("nonce"),
            heartbeatInterval: try fields.milliseconds("heartbeat"),
            loadInterval: try fields.milliseconds("load"),
            spread: try fields.milliseconds("spread"),
            wall: try fields.time("wall"),
            revision: try fields.optionalNumber("revision")
        )
    }

    var line: Line {
        var writer = LineWriter("WELCOME")
        writer.put("version", version)
        writer.put("cluster", cluster)
        writer.put("node", node)
        writer.put("name", name)
        writer.put("site", site)
        writer.put("role", role)
        writer.put("drill", drill)
        writer.put("drains", drains)
        writer.put("token", token)
        writer.put("nonce", nonce)
        writer.put("heartbeat", milliseconds: heartbeatInterval)
        writer.put("load", milliseconds: loadInterval)
        writer.put("spread", milliseconds: spread)
        writer.put("wall", wall)
        writer.put("revision", revision)
        return writer.line
    }
}

extension Lease {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            sequence: try fields.number("seq"),
            sent: try fields.number("sent", in: 0...Int64.max),
            incarnation: try fields.number("incarnation"),
            length: try fields.milliseconds("length"),
            token: try fields.token("token"),
            watched: try fields.watched("watch"),
            standing: try fields.optionalWord("standing"),
            revision: try fields.optionalNumber("revision")
        )
    }

    var line: Line {
        var writer = LineWriter("LEASE")
        writer.put("seq", sequence)
        writer.put("sent", sent)
        writer.put("incarnation", incarnation)
        writer.put("length", milliseconds: length)
        writer.put("token", token)
        writer.put("watch", WatchedAttempt.text(of: watched))
        writer.put("standing", standing)
        writer.put("revision", revision)
        return writer.line
    }
}

extension ServiceOrder {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            order: try fields.number("order"),
            token: try fields.token("token"),
            service: try fields.name("service")
        )
    }

    func line(verb: String) -> Line {
        var writer = LineWriter(verb)
        writer.put("order", order)
        writer.put("token", token)
        writer.put("service", service)
        return writer.line
    }
}

extension Probe {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            order: try fields.number("order"),
            token: try fields.token("token"),
            action: try fields.word("action"),
            path: try fields.text("path"),
            marker: try fields.text("marker")
        )
    }

    var line: Line {
        var writer = LineWriter("PROBE")
        writer.put("order", order)
        writer.put("token", token)
        writer.put("action", action)
        writer.put("path", path)
        writer.put("marker", marker)
        return writer.line
    }
}
