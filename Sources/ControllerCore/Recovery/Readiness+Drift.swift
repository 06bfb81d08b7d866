import Model
import Protocol

extension ControllerMachine {
    /// What is compared between the site's nodes and their pairs. A difference blocks where the
    /// production node says that the set is required; so does what cannot be said of such a set while
    /// both nodes could say it. While the production site is away nothing of this blocks.
    func driftFindings(of site: SiteName) -> [ReadinessFinding] {
        let pairs = driftPairs(of: site).filter { $0.standbySite == site }
        var found: [ReadinessFinding] = []
        var fine = 0
        var oldest: Duration = .zero
        for pair in pairs {
            let names = "\(pair.standbyName) and its pair \(pair.productionName)"
            for view in pair.sets {
                switch view.state {
                case .fine:
                    fine += 1
                    oldest = max(oldest, view.age ?? .zero)
                case .drift:
                    found.append(
                        ReadinessFinding(
                            topic: "drift",
                            level: view.isRequired ? .blocking : .warning,
                            text: "\(view.set) of \(names): \(differences(view))",
                            mend: "muster site drift \(site)"
                        )
                    )
                case .unknown:
                    let isDue = view.isRequired && pair.isConnected
                    found.append(
                        ReadinessFinding(
                            topic: "drift",
                            level: isDue ? .blocking : .warning,
                            text: "it is not known whether \(view.set) of \(names) differs: "
                                + view.reason + lastKnown(view),
                            mend: "muster site drift \(site)"
                        )
                    )
                }
            }
        }
        if fine > 0 {
            found.append(
                ReadinessFinding(
                    topic: "drift",
                    level: .fine,
                    text:
                        "\(fine) compared \(fine == 1 ? "set is as it" : "sets are as they") should be, "
                        + "looked at within the last \(oldest.forPeople)",
                    mend: ""
                )
            )
        } else if found.isEmpty, !pairs.isEmpty {
            found.append(
                ReadinessFinding(
                    topic: "drift",
                    level: .warning,
                    text: "nothing is compared between nodes of site \(site) and their pairs",
                    mend: "list files in [files NAME] of agent.conf, on both nodes"
                )
            )
        }
        return found
    }

    private func differences(_ view: DriftView) -> String {
        let paths = view.differences.prefix(3).map(\.path).joined(separator: ", ")
        let more = Int(view.count) > 3 ? " and \(Int(view.count) - 3) more" : ""
        let verb = view.kind == .private ? "must differ and does not" : "differs"
        let at = view.comparedAt.map { ", compared at \($0.forPeople)" } ?? ""
        return "\(paths)\(more) \(verb)\(at)"
    }

    private func lastKnown(_ view: DriftView) -> String {
        guard let at = view.comparedAt else { return "" }
        return view.count == 0
            ? "; it was as it should be at \(at.forPeople)"
            : "; \(view.count) differences when it was compared at \(at.forPeople)"
    }
}
