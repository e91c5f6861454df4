/// How far some slots of the outbox are published, and what to read next: decided without I/O.
struct RelayCursor: Sendable, Hashable {
    /// Everything this `pg_snapshot` sees is published.
    var snapshot: String
    /// While a backlog is paged: what this snapshot sees and has an id up to `lastID` is published too.
    var upper: String?
    var lastID: Int64?

    /// Sees nothing: all that is in the outbox is to be published.
    static let beginning = RelayCursor(snapshot: "1:1:")

    enum Read: Sendable, Equatable {
        /// Whatever `snapshot` does not see, in no order, at most one row more than a page.
        case live(snapshot: String)
        /// A page in the order of ids.
        case page(snapshot: String, upper: String, after: Int64)
    }

    /// What to read.
    ///
    /// - Parameter target: the moment up to which other slots were read just now. Catching up to just that moment
    ///   makes the cursors equal, so that one read serves all from then on.
    func read(upTo target: String?) -> Read {
        if let upper { return .page(snapshot: snapshot, upper: upper, after: lastID ?? 0) }
        if let target { return .page(snapshot: snapshot, upper: target, after: 0) }
        return .live(snapshot: snapshot)
    }

    enum Step: Sendable, Equatable {
        /// Publish what was read; then the cursor is this.
        case publish(RelayCursor)
        /// More waits than one page: publish nothing yet, read page by page with this cursor.
        case page(RelayCursor)
    }

    /// What follows from a read of `count` rows, of which `lastID` is the largest id.
    func next(after read: Read, seenBy current: String, count: Int, lastID: Int64?, page: Int) -> Step {
        switch read {
        case .live where count <= page: .publish(RelayCursor(snapshot: current))
        case .live: .page(RelayCursor(snapshot: snapshot, upper: current, lastID: 0))
        case .page(_, let upper, _) where count < page: .publish(RelayCursor(snapshot: upper))
        case .page(_, let upper, let after):
            .publish(RelayCursor(snapshot: snapshot, upper: upper, lastID: lastID ?? after))
        }
    }
}
