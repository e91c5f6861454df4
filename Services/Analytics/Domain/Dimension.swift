import Values

/// By what a report groups.
enum Dimension: String, Sendable, CaseIterable {
    case product, owner, manager, region, account, stage, source, grade, businessLine
    case day, week, month, quarter
    case lostReason, competitor
    case lifecycle, quadrant, cohort

    var isPeriod: Bool { [.day, .week, .month, .quarter].contains(self) }

    /// Those that a subject's reports may group by.
    static func known(to subject: Subject) -> [Dimension] { allCases.filter { $0.isKnown(to: subject) } }

    private func isKnown(to subject: Subject) -> Bool {
        switch self {
        case .lifecycle, .quadrant, .cohort: subject == .customers
        case .stage, .lostReason, .competitor: subject == .opportunities
        default: true
        }
    }

    /// One or two of what a subject's reports may group by, as `groupBy` names them.
    static func parse(_ words: [String], _ subject: Subject) throws(Refusal) -> [Dimension] {
        let known = known(to: subject)
        let dimensions = words.map { word in known.first { $0.rawValue == word } }
        guard !dimensions.contains(nil) else {
            let names = known.map(\.rawValue).joined(separator: ", ")
            throw Refusal(
                .rule, "choice", at: "/groupBy", "groupBy takes one or two of \(names).",
                zh: "groupBy 可取其中一至两项：\(names)。")
        }
        guard dimensions.count <= 2, Set(dimensions).count == dimensions.count,
            dimensions.count(where: { $0?.isPeriod == true }) <= 1
        else {
            throw Refusal(
                .rule, "range", at: "/groupBy",
                "groupBy takes one or two different words, at most one of them a period.",
                zh: "groupBy 最多两项，不得重复，且至多一项为时间周期。")
        }
        return dimensions.compactMap { $0 }
    }
}
