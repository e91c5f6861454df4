/// The loop's own first-in-first-out queue; touched by the loop's thread only.
final class LocalQueue {
    private var items: [EventLoop.Item?] = []
    private var head = 0

    var isEmpty: Bool { head == items.count }

    func append(_ item: EventLoop.Item) { items.append(item) }

    func pop() -> EventLoop.Item? {
        guard head < items.count else { return nil }
        let item = items[head]
        items[head] = nil
        head += 1
        if head == items.count {
            items.removeAll(keepingCapacity: items.capacity <= 4096)
            head = 0
        } else if head >= 4096 {
            items.removeFirst(head)
            head = 0
        }
        return item
    }
}
