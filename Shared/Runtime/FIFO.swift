/// First in, first out, in amortised constant time; what was taken is not kept.
public struct FIFO<Element> {
    private var items: [Element?] = []
    private var head = 0

    /// Of so many places at the head that are empty on, and when they are half of all, they are closed.
    private static var closedFrom: Int { 4096 }

    public init() {}

    public var count: Int { items.count - head }
    public var isEmpty: Bool { head == items.count }

    public mutating func append(_ item: Element) { items.append(item) }

    public mutating func popFirst() -> Element? {
        guard head < items.count else { return nil }
        let item = items[head]
        items[head] = nil
        head += 1
        close()
        return item
    }

    /// Takes as many as there are, up to a limit, while they fit; the first always does.
    public mutating func popFirst(_ limit: Int, while fits: (Element) -> Bool = { _ in true }) -> [Element] {
        var end = head
        let last = head + min(limit, count)
        while end < last, let item = items[end], fits(item) || end == head { end += 1 }
        let taken = items[head..<end].compactMap { $0 }
        for index in head..<end { items[index] = nil }
        head = end
        close()
        return taken
    }

    public mutating func removeAll() {
        items.removeAll()
        head = 0
    }

    private mutating func close() {
        if head == items.count {
            items.removeAll(keepingCapacity: items.capacity <= Self.closedFrom)
            head = 0
        } else if head >= max(Self.closedFrom, items.count / 2) {
            items.removeFirst(head)
            head = 0
        }
    }
}

extension FIFO: Sendable where Element: Sendable {}
