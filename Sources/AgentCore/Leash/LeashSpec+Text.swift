import Model

/// A line of a spec that cannot be understood.
public struct LeashSpecError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Counted from 1; 0 when something is missing.
    public var line: Int
    public var reason: String

    public var description: String { line == 0 ? reason : "line \(line): \(reason)" }
}

extension LeashSpec {
    /// One `key=value` a line, values as in ``LeashLine``.
    public var text: String {
        var lines: [String] = []
        func put(_ key: String, _ value: String?) {
            if let value { lines.append("\(key)=\(LeashLine.encode(value))") }
        }
        func put(_ key: String, _ values: [String]) {
            for value in values { put(key, value) }
        }
        put("token", token)
        put("program", program)
        put("argument", arguments)
        put("environment", environment)
        put("folder", folder)
        put("user", user.map { "\($0.user)" })
        put("group", user.map { "\($0.group)" })
        put("supplementary", user?.supplementary.map { "\($0)" } ?? [])
        put("nice", nice.map { "\($0)" })
        put("limit", limits.map { "\($0.resource),\($0.soft),\($0.hard)" })
        put("input", input)
        put("log", log)
        put("log-bytes-max", "\(logByteCountMax)")
        put("cgroup", cgroup)
        put("cgroup-memory-max", cgroupMemoryMax.map { "\($0)" })
        put("stop-argument", stopArguments)
        put("stop-grace", "\(stopGrace.nanoseconds)")
        put("on-disconnect", onDisconnect.rawValue)
        put("deadline", deadline.map { "\($0.nanoseconds)" })
        put("deadline-grace", "\(deadlineGrace.nanoseconds)")
        put("connect-time-max", "\(connectTimeMax.nanoseconds)")
        put("linger-time-max", "\(lingerTimeMax.nanoseconds)")
        put("follows-trusted-links", followsTrustedLinks ? "yes" : "no")
        put("passes-sticky-folders", passesStickyFolders ? "yes" : "no")
        return lines.map { $0 + "\n" }.joined()
    }

    /// Reads what ``text`` writes. An unknown key is refused: a leash that does not know a limit
    /// must not run without it.
    public init(text: String) throws(LeashSpecError) {
        self.init(token: "", program: "", arguments: [], onDisconnect: .kill)
        var seen: [String] = []
        var user: UInt32?
        var group: UInt32?
        var supplementary: [UInt32] = []
        for (index, line) in text.split(separator: "\n").enumerated() {
            guard let field = LeashLine.field(line) else {
                throw LeashSpecError(line: index + 1, reason: "not a key and a value")
            }
            guard !field.value.utf8.contains(0) else {
                throw LeashSpecError(line: index + 1, reason: "\(field.key) holds a zero byte")
            }
            let isKnown: Bool
            switch field.key {
            case "user":
                user = UInt32(field.value)
                isKnown = user != nil
            case "group":
                group = UInt32(field.value)
                isKnown = group != nil
            case "supplementary":
                if let number = UInt32(field.value) { supplementary.append(number) }
                isKnown = UInt32(field.value) != nil
            default: isKnown = takeText(field) || takeTime(field) || takeNumber(field)
            }
            guard isKnown else {
                throw LeashSpecError(line: index + 1, reason: "\(field.key) is not understood")
            }
            seen.append(field.key)
        }
        for key in ["token", "program", "argument", "on-disconnect"] where !seen.contains(key) {
            throw LeashSpecError(line: 0, reason: "\(key) is missing")
        }
        if let user {
            guard let group else { throw LeashSpecError(line: 0, reason: "group is missing") }
            self.user = User(user: user, group: group, supplementary: supplementary)
        } else if group != nil || !supplementary.isEmpty {
            throw LeashSpecError(line: 0, reason: "user is missing")
        }
    }

    private mutating func takeText(_ field: LeashLine.Field) -> Bool {
        switch field.key {
        case "token": token = field.value
        case "program": program = field.value
        case "argument": arguments.append(field.value)
        case "environment": environment.append(field.value)
        case "folder": folder = field.value
        case "input": input = field.value
        case "log": log = field.value
        case "cgroup": cgroup = field.value
        case "stop-argument": stopArguments.append(field.value)
        default: return false
        }
        return true
    }

    private mutating func takeTime(_ field: LeashLine.Field) -> Bool {
        guard let time = Int64(field.value), time >= 0 else { return false }
        switch field.key {
        case "stop-grace": stopGrace = .nanoseconds(time)
        case "deadline": deadline = Instant(nanoseconds: time)
        case "deadline-grace": deadlineGrace = .nanoseconds(time)
        case "connect-time-max": connectTimeMax = .nanoseconds(time)
        case "linger-time-max": lingerTimeMax = .nanoseconds(time)
        default: return false
        }
        return true
    }

    private mutating func takeNumber(_ field: LeashLine.Field) -> Bool {
        switch field.key {
        case "nice":
            guard let number = Int32(field.value), (-20...19).contains(number) else { return false }
            nice = number
        case "limit":
            let parts = field.value.split(separator: ",")
            guard parts.count == 3, let resource = Int32(parts[0]), let soft = UInt64(parts[1]),
                let hard = UInt64(parts[2])
            else { return false }
            limits.append(Limit(resource: resource, soft: soft, hard: hard))
        case "log-bytes-max":
            guard let number = Int64(field.value), number > 0 else { return false }
            logByteCountMax = number
        case "cgroup-memory-max":
            guard let number = UInt64(field.value), number > 0 else { return false }
            cgroupMemoryMax = number
        case "on-disconnect":
            guard let policy = LeashDisconnectPolicy(rawValue: field.value) else { return false }
            onDisconnect = policy
        case "follows-trusted-links", "passes-sticky-folders":
            guard field.value == "yes" || field.value == "no" else { return false }
            if field.key == "follows-trusted-links" {
                followsTrustedLinks = field.value == "yes"
            } else {
                passesStickyFolders = field.value == "yes"
            }
        default: return false
        }
        return true
    }
}
