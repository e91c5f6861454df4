/// The statements prepared on one connection, kept for each role apart, at most so many; the longest unused goes.
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

        fileprivate init(key: Key, name: String) {
            self.key = key
            self.name = name
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
        if let entry = entries[key] {
            entry.lastUse = uses
            return (entry, false)
        }
        // Looked for among all: that costs less than an order kept with every use.
        if entries.count >= limit, let oldest = entries.values.min(by: { $0.lastUse < $1.lastUse }) { discard(oldest) }
        made += 1
        let entry = Entry(key: key, name: "s\(made)")
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
