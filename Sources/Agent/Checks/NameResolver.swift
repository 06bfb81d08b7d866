import AgentCore
import Glibc

/// One numeric address, ready for `connect`.
struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    /// A `sockaddr_in` or `sockaddr_in6`.
    var bytes: [UInt8]
    var family: Int32
    /// `127.0.0.1:80`, `[::1]:80`.
    var description: String
}

/// Turns names into addresses, on threads of its own: a name server that does not answer would
/// otherwise hold its asker for many seconds.
final class NameResolver: Sendable {
    /// Names asked for at the same time; one more is answered with an error at once.
    static let questionsMax = 64

    typealias Answer = Result<[SocketAddress], ConnectionError>

    private let questions = Monitor<[NetworkAddress: PatientQuestion<Answer>]>([:])

    /// - Returns: at least one address.
    func addresses(
        of address: NetworkAddress,
        until deadline: MonotonicDeadline
    ) throws(ConnectionError) -> [SocketAddress] {
        if isIPv4(address.host) || isIPv6(address.host) {
            return try resolve(address, flags: AI_NUMERICHOST | AI_NUMERICSERV).get()
        }
        let question = questions.change { questions -> PatientQuestion<Answer>? in
            if let question = questions[address] { return question }
            guard questions.count < Self.questionsMax else { return nil }
            let question = PatientQuestion { resolve(address, flags: AI_NUMERICSERV) }
            questions[address] = question
            return question
        }
        guard let question else {
            throw ConnectionError("more than \(Self.questionsMax) names are being resolved")
        }
        let answer = question.ask(until: deadline)
        questions.change { questions in
            if questions[address]?.isRunning == false { questions[address] = nil }
        }
        guard let answer else {
            throw ConnectionError("\(address.host) was not resolved in time")
        }
        return try answer.get()
    }
}

/// Blocks for as long as the name servers do.
private func resolve(_ address: NetworkAddress, flags: Int32) -> NameResolver.Answer {
    var hints = addrinfo()
    hints.ai_flags = flags
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(address.host, String(address.port), &hints, &list)
    guard code == 0 else {
        let reason = gai_strerror(code).map { String(cString: $0) } ?? "error \(code)"
        return .failure(ConnectionError("\(address.host) does not resolve: \(reason)"))
    }
    defer { freeaddrinfo(list) }
    var found: [SocketAddress] = []
    var next = list
    while let entry = next {
        if let text = numeric(entry.pointee) {
            let bytes = UnsafeRawBufferPointer(
                start: entry.pointee.ai_addr,
                count: Int(entry.pointee.ai_addrlen)
            )
            let shown = NetworkAddress(host: text, port: address.port).description
            found.append(
                SocketAddress(
                    bytes: Array(bytes),
                    family: entry.pointee.ai_family,
                    description: shown
                )
            )
        }
        next = entry.pointee.ai_next
    }
    if found.isEmpty {
        return .failure(ConnectionError("\(address.host) has no address"))
    }
    return .success(found)
}

private func numeric(_ entry: addrinfo) -> String? {
    var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    let code = getnameinfo(
        entry.ai_addr,
        entry.ai_addrlen,
        &host,
        socklen_t(host.count),
        nil,
        0,
        NI_NUMERICHOST
    )
    guard code == 0 else { return nil }
    return host.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}
