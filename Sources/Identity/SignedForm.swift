import SwiftASN1

/// The frame that certificates and requests share: content, algorithm, signature.
enum SignedForm {
    /// Whether the signature is a bit string of whole bytes.
    ///
    /// swift-certificates takes the bytes of the signature and passes over the count of unused
    /// bits before them, so that several texts of one certificate would be accepted.
    static func isStrict(_ der: [UInt8]) -> Bool {
        do {
            return try DER.sequence(try DER.parse(der), identifier: .sequence) { nodes in
                guard nodes.next() != nil, nodes.next() != nil, let last = nodes.next() else {
                    return false
                }
                return try ASN1BitString(derEncoded: last).paddingBits == 0
            }
        } catch {
            return false
        }
    }
}
