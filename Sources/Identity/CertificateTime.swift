import FoundationEssentials
import Model

// Certificates know whole seconds. X509 speaks of them as `Date`; nothing outside this file does.

extension WallTime {
    init(date: Date) {
        self.init(seconds: Int64(date.timeIntervalSince1970.rounded(.down)))
    }

    init(seconds: Int64) {
        self.init(milliseconds: seconds * 1_000)
    }

    var date: Date { Date(timeIntervalSince1970: Double(wholeSeconds)) }

    /// Seconds since 1970, rounded towards the past.
    var wholeSeconds: Int64 {
        milliseconds / 1_000 - (milliseconds % 1_000 < 0 ? 1 : 0)
    }

    /// Without milliseconds: what a certificate says.
    var inWholeSeconds: WallTime { WallTime(seconds: wholeSeconds) }

    /// When a certificate that is made at this time begins.
    var backdated: WallTime {
        (self + (.zero - CertificateAuthority.backdating)).inWholeSeconds
    }
}
