import Contracts
import Entities
import JSON

/// One value of one dimension.
struct GroupKey: Sendable, Hashable {
    var dimension: Dimension
    /// What people read, or a word that ``GroupNames`` has a name for; nil where nothing is set.
    var name: String?
    /// Where the name stands for an object.
    var id: String?
}

/// A group of a report: a value of each dimension that was asked for; none is the total.
struct ReportGroup: Sendable, Hashable {
    var keys: [GroupKey]

    static let total = ReportGroup([])

    init(_ keys: [GroupKey]) { self.keys = keys }

    /// What the API appends to `key`, `id` and `name` for each dimension.
    static let suffixes = ["", "2"]

    /// Each key with what its members' names end with.
    var suffixed: [(suffix: String, key: GroupKey)] { zip(Self.suffixes, keys).map { ($0, $1) } }

    /// The group as answers begin it.
    func members(_ names: GroupNames) -> [JSONObject.Member] {
        suffixed.flatMap { suffix, key -> [JSONObject.Member] in
            var members: [JSONObject.Member] = [("key\(suffix)", key.name.json)]
            if let id = key.id { members.append(("id\(suffix)", .string(id))) }
            if let name = names.name(of: key) { members.append(("name\(suffix)", .string(name))) }
            return members
        }
    }
}

extension ReportGroup: Comparable {
    /// By the keys in their order; what has none comes last, and the id tells apart what has one name.
    static func < (left: ReportGroup, right: ReportGroup) -> Bool {
        for (a, b) in zip(left.keys, right.keys) where a != b {
            guard let first = a.name else { return b.name == nil && (a.id ?? "") < (b.id ?? "") }
            guard let second = b.name else { return true }
            return (first, a.id ?? "") < (second, b.id ?? "")
        }
        return false
    }
}

/// What keys are called in the reader's language that are no names themselves: `stage` answers `proposal`, which a
/// pipeline calls 方案 or Proposal.
struct GroupNames: Sendable {
    /// Stages by key; the same key of several pipelines has the name that the first gives it.
    private var stages: [String: FunnelStage] = [:]
    /// `en` or `zh`.
    let language: String

    init(language: String) { self.language = language }

    /// Adds what a pipeline, or an older version of one, calls a stage; what is known already stays.
    mutating func add(_ stage: FunnelStage) {
        if stages[stage.key] == nil { stages[stage.key] = stage }
    }

    /// nil where the key is what people read.
    func name(of key: GroupKey) -> String? {
        guard let word = key.name else { return nil }
        switch key.dimension {
        case .stage: return stages[word]?.name(language: language) ?? word
        case .lifecycle: return LifecycleState(rawValue: word).map { label($0.labels) } ?? word
        case .quadrant: return Quadrant(rawValue: word).map { label($0.labels) } ?? word
        default: return nil
        }
    }

    private func label(_ labels: (zh: String, en: String)) -> String { language == "zh" ? labels.zh : labels.en }
}
