import JSON
import Values

/// What is done about a new record that may be there already.
public enum DuplicateAction: String, Sendable, Hashable, CaseIterable, LabelledChoice {
    /// Make it and name the others.
    case createAndFlag
    /// Let the one that is there take it up.
    case link
    /// Refuse it, naming the one that is there.
    case block

    public var labels: (zh: String, en: String) {
        switch self {
        case .createAndFlag: ("新建并提示重复", "Create and flag")
        case .link: ("并入已有记录", "Add to the one that is there")
        case .block: ("拒绝", "Refuse")
        }
    }
}

/// How a tenant wants duplicates in a collection treated.
public struct DuplicatePolicy<Kind: MatchKind>: Sendable, Hashable {
    public var action: DuplicateAction
    /// Those by which records are compared.
    public var keys: Set<Kind>
    /// Days within which a match counts; nil = always.
    public var windowDays: Int?

    public init(
        action: DuplicateAction = .createAndFlag, keys: Set<Kind> = Kind.standardKinds,
        windowDays: Int? = Kind.standardWindowDays
    ) {
        (self.action, self.keys, self.windowDays) = (action, keys, windowDays)
    }

    /// From its stored form or a checked body; absent members are the standard ones.
    public init(_ json: JSON) {
        self.init()
        action = json["policy"]?.string.flatMap(DuplicateAction.init) ?? action
        if let names = json["keys"]?.array { keys = Set(names.compactMap { $0.string.flatMap { Kind(rawValue: $0) } }) }
        if let days = json["windowDays"] { windowDays = days.int.map { Int($0) } }
    }

    public var json: JSON {
        var members: JSONObject = ["policy": action.rawValue.json, "keys": keys.map { $0.rawValue }.sorted().json]
        if Kind.standardWindowDays != nil { members["windowDays"] = windowDays.json }
        return .object(members)
    }

    /// What to do with a new record.
    ///
    /// - Parameters:
    ///   - matches: the records that it may be, the best first.
    ///   - target: the best of them that can take the new record up; nil where none can.
    @inlinable public func decide(
        _ matches: [Duplicate<Kind>], linking target: Duplicate<Kind>?
    ) -> DuplicateDecision<Kind> {
        guard let best = matches.first else { return .create(flagging: []) }
        switch action {
        case .createAndFlag: return .create(flagging: matches)
        case .block: return .block(best)
        case .link: return target.map { .link($0) } ?? .create(flagging: matches)
        }
    }
}

public enum DuplicateDecision<Kind: MatchKind>: Sendable, Hashable {
    /// Make it; the duplicates, if any, are named in the answer.
    case create(flagging: [Duplicate<Kind>])
    /// That record takes it up.
    case link(Duplicate<Kind>)
    case block(Duplicate<Kind>)
}
