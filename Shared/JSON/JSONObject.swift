/// The members of a JSON object in their order. Small objects are searched; larger ones keep an index.
public struct JSONObject: Sendable {
    public typealias Member = (name: String, value: JSON)

    private var members: [Member]
    /// Positions by name, kept once there are more members than a search is good for.
    private var positions: [String: Int]?

    // A record has forty: an index of so few costs more to make than all the searches of one reader.
    private static let searched = 64

    public init() { members = [] }

    /// Of members with the same name the last one counts, at the place of the first.
    public init(_ members: some Sequence<(String, JSON)>) {
        self.members = []
        self.members.reserveCapacity(members.underestimatedCount)
        for (name, value) in members { self[name] = value }
    }

    /// Members that are known to have different names: not searched.
    public init(distinct members: [Member]) {
        self.members = members
        reindex()
    }

    public var count: Int { members.count }
    public var isEmpty: Bool { members.isEmpty }
    public var names: [String] { members.map(\.name) }
    public var values: [JSON] { members.map(\.value) }

    /// nil is an absent member; setting nil removes it. (`.null` is a member whose value is null.)
    public subscript(name: String) -> JSON? {
        get { position(of: name).map { members[$0].value } }
        set {
            switch (position(of: name), newValue) {
            case (let position?, let value?): members[position].value = value
            case (let position?, nil):
                members.remove(at: position)
                reindex()
            case (nil, let value?): append(name, value)
            case (nil, nil): break
            }
        }
    }

    /// Adds a member that is known not to be there yet.
    public mutating func append(_ name: String, _ value: JSON) {
        members.append((name, value))
        if positions != nil { positions?[name] = members.count - 1 } else { reindex() }
    }

    public mutating func reserveCapacity(_ count: Int) { members.reserveCapacity(count) }

    public func contains(_ name: String) -> Bool { position(of: name) != nil }

    private func position(of name: String) -> Int? {
        if let positions { return positions[name] }
        return members.firstIndex { $0.name == name }
    }

    private mutating func reindex() {
        guard members.count > JSONObject.searched else {
            positions = nil
            return
        }
        positions = Dictionary(
            zip(members.lazy.map(\.name), members.indices), uniquingKeysWith: { first, _ in first })
    }
}

extension JSONObject: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { members.count }
    public subscript(position: Int) -> Member { members[position] }
}

extension JSONObject: Hashable {
    /// Equal members, in any order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.members.allSatisfy { right[$0.name] == $0.value }
    }

    public func hash(into hasher: inout Hasher) {
        var mixed = 0
        for member in members {
            var one = Hasher()
            one.combine(member.name)
            one.combine(member.value)
            mixed ^= one.finalize()
        }
        hasher.combine(mixed)
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral, JSONRepresentable {
    public init(dictionaryLiteral members: (String, JSON)...) { self.init(members) }
    public var json: JSON { .object(self) }
}
