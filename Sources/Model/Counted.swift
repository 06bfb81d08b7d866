/// A number and what it counts, in the right one of the two forms: `1 task`, `3 tasks`.
///
/// - Parameter plural: where it is not the noun with an s.
public func counted(
    _ number: some BinaryInteger,
    _ noun: String,
    _ plural: String? = nil
) -> String {
    number == 1 ? "1 \(noun)" : "\(number) \(plural ?? noun + "s")"
}
