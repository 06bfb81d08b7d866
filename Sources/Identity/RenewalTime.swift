public import Model

/// When a certificate is to be renewed.
public enum RenewalTime {
    /// Two thirds into the certificate's life, earlier or later by up to a tenth of the life.
    ///
    /// - Parameter seed: any number; the same seed gives the same moment. Certificates issued
    ///   together thus do not come back together.
    public static func at(notBefore: WallTime, notAfter: WallTime, seed: UInt64) -> WallTime {
        let life = max(0, notAfter.milliseconds - notBefore.milliseconds)
        let spread = Int64(seed % 2_001) - 1_000
        return WallTime(
            milliseconds: notBefore.milliseconds + life / 3 * 2 + life / 10_000 * spread
        )
    }
}
