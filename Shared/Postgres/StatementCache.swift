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
        /// Neighbours by last use; the list owns forwards only.
        fileprivate var newer: Entry?
        fileprivate weak var older: Entry?

        fileprivate init(key: Key, name: String) {
            self.key = key
            self.name = name
        }
    }

    private let limit: Int
    private var entries: [Key: Entry] = [:]
    private var oldest: Entry?
    private weak var newest: Entry?
    private var made = 0
    /// Names that the server still holds and nobody uses.
    private(set) var discarded: [String] = []

    init(limit: Int) { self.limit = max(1, limit) }

    var count: Int { entries.count }

    /// The entry of a statement, and whether it has to be prepared first.
    mutating func use(_ key: Key) -> (entry: Entry, isNew: Bool) {
        if let entry = entries[key] {
            if entry !== newest {
                unlink(entry)
                link(entry)
            }
            return (entry, false)
        }
        if entries.count >= limit, let oldest { discard(oldest) }
        made += 1
        let entry = Entry(key: key, name: "s\(made)")
        entries[key] = entry
        link(entry)
        return (entry, true)
    }

    /// Forgets an entry that the server never got.
    mutating func forget(_ entry: Entry) {
        guard entries[entry.key] === entry else { return }
        entries[entry.key] = nil
        unlink(entry)
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

    private mutating func link(_ entry: Entry) {
        entry.older = newest
        entry.newer = nil
        newest?.newer = entry
        newest = entry
        if oldest == nil { oldest = entry }
    }

    private mutating func unlink(_ entry: Entry) {
        let newer = entry.newer
        if oldest === entry { oldest = newer }
        if newest === entry { newest = entry.older }
        entry.older?.newer = newer
        newer?.older = entry.older
        entry.newer = nil
        entry.older = nil
    }
}
