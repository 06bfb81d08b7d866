import Model

/// What a message tells of beside its first item, in the words of its subject line, which is all that a
/// telephone shows at night.
struct NoticeOthers {
    /// Names that are said; more are counted.
    static let namesMax = 3

    private let first: NoticeItem?
    private let others: [NoticeItem]
    private let leftOut: Int

    /// - Parameters:
    ///   - items: the worst first.
    ///   - leftOut: what there was no room for, and is only counted.
    init(_ items: [NoticeItem], leftOut: Int) {
        first = items.first
        self.leftOut = leftOut
        others = items.dropFirst().filter { item in
            // How many nodes a site has lost is what its own headline says.
            guard let first = items.first else { return true }
            return !(item.isCovered && first.kind.isOfSite && first.site == item.site)
        }
    }

    /// Empty where there is nothing else.
    var text: String {
        guard let first else { return "" }
        let alike = others.filter { $0.state == first.state }
        var parts: [String] = []
        if !alike.isEmpty || leftOut > 0 {
            parts.append("also " + names(of: alike, leftOut, counting: "more "))
        }
        let rest = others.filter { $0.state != first.state }
        let over = rest.filter { $0.state == .resolved }
        if !over.isEmpty {
            let isOne = subjects(of: over).count == 1
            parts.append("\(names(of: over)) \(isOne ? "is" : "are") well again")
        }
        let firing = rest.filter { $0.state == .firing }
        if !firing.isEmpty { parts.append("still wrong: \(names(of: firing))") }
        let told = rest.filter { $0.state == .told || $0.state == .test }
        if !told.isEmpty { parts.append("told as well: \(names(of: told))") }
        return parts.joined(separator: "; ")
    }

    /// `and 4 more`: where there is no room for names.
    var brief: String {
        let count = others.count + leftOut
        return count == 0 ? "" : "and \(count) more"
    }

    private func subjects(of items: [NoticeItem]) -> [String] {
        var found: [String] = []
        for item in items where !found.contains(item.subject) {
            found.append(item.subject)
            if found.count > Self.namesMax { break }
        }
        return found
    }

    private func names(
        of items: [NoticeItem],
        _ leftOut: Int = 0,
        counting more: String = ""
    ) -> String {
        let subjects = subjects(of: items)
        let isOfFirst = leftOut == 0 && subjects == [first?.subject]
        if isOfFirst {
            // Two matters of one subject: its name would say nothing new.
            let noun = items.allSatisfy { $0.kind.isOfSite } ? "threshold" : "matter"
            return "\(counted(items.count, more + noun)) of \(subjects[0])"
        }
        guard leftOut > 0 || subjects.count > Self.namesMax else {
            return subjects.joined(separator: ", ")
        }
        return counted(items.count + leftOut, more + noun(of: items, leftOut))
    }

    private func noun(of items: [NoticeItem], _ leftOut: Int) -> String {
        guard leftOut == 0, let kind = items.first?.kind.subjectIs,
            items.allSatisfy({ $0.kind.subjectIs == kind })
        else { return "matter" }
        return switch kind {
        case .node: "node"
        case .site: "site"
        case .other: "matter"
        }
    }
}
