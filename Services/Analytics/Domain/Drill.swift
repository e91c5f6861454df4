import Values

/// Addresses of the lists behind figures: of the collection itself where it can be asked for exactly these records, else
/// of the report's own.
enum Drill {
    /// A link for each figure.
    ///
    static func members(_ query: ReportQuery, of group: ReportGroup) -> [(figure: String, link: String)] {
        query.subject.figures.map { figure in
            (figure, collection(query, group, figure) ?? records(query, group, figure))
        }
    }

    // MARK: - Collections

    /// nil when no filter of the collection says it exactly.
    private static func collection(_ query: ReportQuery, _ group: ReportGroup, _ figure: String) -> String? {
        guard query.asOf == nil, query.amountFrom == nil else { return nil }
        let (path, fixed, date): (String, [String], String?)
        switch (query.subject, figure) {
        case (.leads, "created"): (path, fixed, date) = ("leads", [], "createdAt")
        case (.leads, "converted"): (path, fixed, date) = ("leads", ["status=converted"], "createdAt")
        case (.opportunities, "created"): (path, fixed, date) = ("opportunities", [], "openedAt")
        case (.opportunities, "open"): (path, fixed, date) = ("opportunities", ["status=open"], nil)
        case (.opportunities, _): (path, fixed, date) = ("opportunities", ["status=\(figure)"], "closeDate")
        // A customer counts from his first order where this was earlier, and an order counts for its customer's owner:
        // lists do not know this.
        case (.customers, "customers")
        where query.from == nil && query.to == nil && group.keys.allSatisfy { !$0.dimension.isPeriod }:
            (path, fixed, date) = ("accounts", [], nil)
        default: return nil
        }
        var parts = fixed
        var (from, to) = (query.from, query.to)
        for key in group.keys {
            if key.dimension.isPeriod {
                guard let days = days(key), date != nil else { return nil }
                from = [from, days.lowerBound].compactMap { $0 }.max()
                to = [to, days.upperBound].compactMap { $0 }.min()
            } else {
                guard let filter = filter(key, path) else { return nil }
                parts.append(filter)
            }
        }
        if let date {
            if let from { parts.append("\(date).gte=\(from)") }
            if let to { parts.append("\(date).lt=\(to.adding(days: 1))") }
        }
        return "/v1/\(path)" + (parts.isEmpty ? "" : "?" + parts.joined(separator: "&"))
    }

    /// nil when the list has no filter that means just this group.
    private static func filter(_ key: GroupKey, _ path: String) -> String? {
        let member: String
        switch (key.dimension, path) {
        case (.owner, _): member = "ownerId"
        case (.businessLine, _): member = "businessLineId"
        case (.account, "opportunities"): member = "accountId"
        case (.stage, "opportunities"): member = "stage"
        case (.source, _): member = "source"
        case (.grade, "leads"): member = "grade"
        default: return nil
        }
        guard let value = key.id ?? key.name else { return "\(member).isNull=true" }
        // A comma would be "one of".
        return value.contains(",") ? nil : "\(member)=\(encoded(value))"
    }

    // MARK: - Records

    /// The same question once more, for the records of one figure of one group.
    private static func records(_ query: ReportQuery, _ group: ReportGroup, _ figure: String) -> String {
        var parts = ["figure=\(figure)"]
        func add(_ name: String, _ value: String?) { if let value { parts.append("\(name)=\(encoded(value))") } }
        if group != .total { add("groupBy", group.keys.map(\.dimension.rawValue).joined(separator: ",")) }
        for (suffix, key) in group.suffixed {
            add("key\(suffix)", key.name)
            add("id\(suffix)", key.id)
        }
        add("from", query.from?.description)
        add("to", query.to?.description)
        add("asOf", query.asOf?.description)
        add("amountFrom", query.amountFrom?.amount)
        if group.keys.contains(where: { $0.dimension == .lifecycle }) {
            add("stableFromOrder", query.thresholds.stableFromOrder.map { "\($0)" })
            add("atRiskAfterDays", query.thresholds.atRiskAfterDays.map { "\($0)" })
            add("lostAfterDays", query.thresholds.lostAfterDays.map { "\($0)" })
        }
        if group.keys.contains(where: { $0.dimension == .quadrant }) {
            add("windowDays", "\(query.quadrants.windowDays)")
            add("ordersFrom", query.quadrants.ordersFrom.map { "\($0)" })
            add("averageFrom", query.quadrants.averageFrom?.amount)
        }
        return "/v1/analytics/\(query.subject.rawValue)/records?" + parts.joined(separator: "&")
    }

    /// Percent-encoded for a query; commas would be "one of".
    static func encoded(_ text: String) -> String {
        let hex = Array("0123456789ABCDEF".utf8)
        let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)
        let bytes = text.utf8.flatMap { byte in
            plain.contains(byte) ? [byte] : [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The days of a period as reports name it.
    static func days(_ key: GroupKey) -> ClosedRange<CalendarDate>? {
        guard let name = key.name else { return nil }
        let parts = name.split(separator: "-")
        guard let year = parts.first.flatMap({ Int($0) }) else { return nil }
        let (first, period): (CalendarDate?, Period)
        switch key.dimension {
        case .day: (first, period) = (CalendarDate(name), .day)
        case .week:
            // The 4th of January always lies in the first week.
            let week = Int(parts[1].dropFirst()) ?? 1
            let start = CalendarDate(year: year, month: 1, day: 4)?.start(of: .week)
            (first, period) = (start?.adding(days: 7 * (week - 1)), .week)
        case .month: (first, period) = (CalendarDate(year: year, month: Int(parts[1]) ?? 1, day: 1), .month)
        case .quarter:
            let quarter = Int(parts[1].dropFirst()) ?? 1
            (first, period) = (CalendarDate(year: year, month: quarter * 3 - 2, day: 1), .quarter)
        default: return nil
        }
        return first.map { $0.start(of: period)...$0.end(of: period) }
    }
}
