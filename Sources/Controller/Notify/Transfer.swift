import CCurl
import Model
import Synchronization

/// Tells transfers that are under way to give up.
final class StopFlag: Sendable {
    private let isSet = Atomic<Bool>(false)

    var isRaised: Bool { isSet.load(ordering: .relaxed) }
    func raise() { isSet.store(true, ordering: .relaxed) }
}

/// How a mail or a request has ended.
struct TransferEnd: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        /// The library is content; of a request ``status`` says the rest.
        case done
        case stopped
        case unreachable
        case timedOut
        /// The handshake failed, or the certificate is not believed.
        case tls
        /// STARTTLS is wanted, and the server does not have it.
        case noStartTLS
        /// The file of authorities cannot be read.
        case authoritiesUnreadable
        /// The server refused the login, or knows no way of it that we do.
        case noLogin
        /// The connection broke, or the server said no: ``stage`` and ``status`` tell.
        case server
    }

    /// What the server was told last.
    enum Stage: Hashable, Sendable {
        case greeting
        case hello
        case startTLS
        case login
        case sender
        case recipient
        case data
        case message
        case request
    }

    var kind: Kind
    var stage: Stage
    /// The code of the server's last answer; nil when it gave none.
    var status: Int?
    /// The text of that answer, as it came.
    var said: String
    /// The library's words.
    var problem: String
}

/// Mails and requests by libcurl. Every call blocks its thread.
struct Transfer: Sendable {
    var url: String
    var authorityFile: String?
    var login: Login?
    var connectTimeout: Duration
    var timeout: Duration
    var stop: StopFlag

    struct Login: Hashable, Sendable {
        var user: String
        var password: String
    }

    func mail(from: String, to: String, tls: MailTLS, message: [UInt8]) -> TransferEnd {
        from.withCString { from in
            to.withCString { to in
                message.withUnsafeBufferPointer { message in
                    var mail = muster_mail()
                    switch tls {
                    case .none: mail.tls = Int32(MUSTER_MAIL_TLS_NONE.rawValue)
                    case .starttls: mail.tls = Int32(MUSTER_MAIL_TLS_STARTTLS.rawValue)
                    case .tls: mail.tls = Int32(MUSTER_MAIL_TLS_IMPLICIT.rawValue)
                    }
                    mail.from = from
                    mail.to = to
                    mail.message = message.baseAddress
                    mail.count = message.count
                    return carryOut { muster_mail_send($0, &mail, $1) }
                }
            }
        }
    }

    /// - Parameter headers: each `Name: value`.
    func post(_ body: [UInt8], headers: [String]) -> TransferEnd {
        Self.withCStrings(headers) { headers in
            body.withUnsafeBufferPointer { body in
                var post = muster_post()
                post.headers = headers.baseAddress
                post.header_count = headers.count
                post.body = body.baseAddress
                post.count = body.count
                return carryOut { muster_post_send($0, &post, $1) }
            }
        }
    }

    private func carryOut(
        _ body: (
            UnsafePointer<muster_transfer>, UnsafeMutablePointer<muster_transfer_result>
        ) -> Void
    ) -> TransferEnd {
        var result = muster_transfer_result()
        let texts = [url, authorityFile, login?.user, login?.password]
        Self.withOptionalCStrings(texts) { texts in
            var transfer = muster_transfer()
            transfer.url = texts[0]
            transfer.ca_file = texts[1]
            transfer.user = texts[2]
            transfer.password = texts[3]
            transfer.connect_milliseconds = Int(connectTimeout.wholeMilliseconds)
            transfer.total_milliseconds = Int(timeout.wholeMilliseconds)
            transfer.context = Unmanaged.passUnretained(stop).toOpaque()
            transfer.stop = { context in
                guard let context else { return false }
                return Unmanaged<StopFlag>.fromOpaque(context).takeUnretainedValue().isRaised
            }
            body(&transfer, &result)
        }
        withExtendedLifetime(stop) {}
        return TransferEnd(result)
    }

    private static func withOptionalCStrings(
        _ texts: [String?],
        _ body: ([UnsafePointer<CChar>?]) -> Void
    ) {
        let copies = texts.map { $0.map { Array($0.utf8CString) } }
        func next(_ pointers: [UnsafePointer<CChar>?]) {
            guard pointers.count < copies.count else { return body(pointers) }
            guard let copy = copies[pointers.count] else { return next(pointers + [nil]) }
            copy.withUnsafeBufferPointer { next(pointers + [$0.baseAddress]) }
        }
        next([])
    }

    private static func withCStrings<Result>(
        _ texts: [String],
        _ body: (UnsafeBufferPointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        var result: Result?
        withOptionalCStrings(texts) { pointers in
            result = pointers.withUnsafeBufferPointer(body)
        }
        guard let result else { preconditionFailure("the body was not called") }
        return result
    }
}

extension TransferEnd {
    fileprivate init(_ result: muster_transfer_result) {
        var result = result
        switch muster_transfer_kind(rawValue: UInt32(result.kind)) {
        case MUSTER_TRANSFER_DONE: kind = .done
        case MUSTER_TRANSFER_STOPPED: kind = .stopped
        case MUSTER_TRANSFER_UNREACHABLE: kind = .unreachable
        case MUSTER_TRANSFER_TIMED_OUT: kind = .timedOut
        case MUSTER_TRANSFER_TLS: kind = .tls
        case MUSTER_TRANSFER_NO_STARTTLS: kind = .noStartTLS
        case MUSTER_TRANSFER_CA_FILE: kind = .authoritiesUnreadable
        case MUSTER_TRANSFER_NO_LOGIN: kind = .noLogin
        default: kind = .server
        }
        switch muster_transfer_stage(rawValue: UInt32(result.stage)) {
        case MUSTER_AT_HELLO: stage = .hello
        case MUSTER_AT_STARTTLS: stage = .startTLS
        case MUSTER_AT_LOGIN: stage = .login
        case MUSTER_AT_SENDER: stage = .sender
        case MUSTER_AT_RECIPIENT: stage = .recipient
        case MUSTER_AT_DATA: stage = .data
        case MUSTER_AT_MESSAGE: stage = .message
        case MUSTER_AT_REQUEST: stage = .request
        default: stage = .greeting
        }
        status = result.status == 0 ? nil : Int(result.status)
        said = withUnsafeBytes(of: &result.said) { Self.text($0) }
        problem = withUnsafeBytes(of: &result.problem) { Self.text($0) }
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
