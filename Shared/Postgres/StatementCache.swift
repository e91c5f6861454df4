/// The statements prepared on one connection, kept for each role apart, at most so many; then the eighth of them that is
/// longest unused goes.
///
/// A statement is prepared anew after 16 uses, and each time after eight times as many: the server keeps the plan it made
/// for the tables as they were, and those of a new tenant were empty. Until it happens to analyze them, each look at an
/// index would go on as a scan of all that has come since.
///
/// Without I/O. A statement that goes is deallocated by the connection when it next is outside of a transaction.
struct StatementCache {
    struct Key: Hashable {
        let role: String?
        let text: String
    }

    final class Entry {
        let key: Key
        let name: String
        var columns: ColumnMap?
        fileprivate var lastUse = 0
        fileprivate var uses: Int
        fileprivate let term: Int

        fileprivate init(key: Key, name: String, after old: Entry?) {
            self.key = key
            self.name = name
            uses = old?.uses ?? 0
            term = old.map { $0.term * 8 } ?? 16
        }
    }

    private let limit: Int
    private var entries: [Key: Entry] = [:]
    private var made = 0
    private var uses = 0
    /// Names that the server still holds and nobody uses.
    private(set) var discarded: [String] = []

    init(limit: Int) { self.limit = max(1, limit) }

    var count: Int { entries.count }

    /// The entry of a statement, and whether it has to be prepared first.
    mutating func use(_ key: Key) -> (entry: Entry, isNew: Bool) {
        uses += 1
        let old = entries[key]
        if let old {
            old.lastUse = uses
            old.uses += 1
            if old.uses <= old.term { return (old, false) }
            discard(old)
        } else if entries.count >= limit {
            // Sorted now and then: that costs less than an order kept with every use.
            for entry in entries.values.sorted(by: { $0.lastUse < $1.lastUse }).prefix(max(1, limit / 8)) {
                discard(entry)
            }
        }
        made += 1
        let entry = Entry(key: key, name: "s\(made)", after: old)
        entry.lastUse = uses
        entries[key] = entry
        return (entry, true)
    }

    /// Forgets an entry that the server never got.
    mutating func forget(_ entry: Entry) {
        guard entries[entry.key] === entry else { return }
        entries[entry.key] = nil
    }

    /// Forgets an entry that the server holds.
    mutating func discard(_ entry: Entry) {
        guard entries[entry.key] === entry else { return }
        forget(entry)
        discarded.append(entry.name)
    }

    mutating func takeDiscarded() -> [String] {
        defer { discarded = [] }
        return discarded
    }
}
