import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Values

/// A record that somebody wants to create.
public struct Draft<Record: Aggregate>: Sendable {
    /// With what the body gave and defaults for the rest.
    public var record: Record
    /// What the body gave of the resource's further inputs (`ownerLogin`, `accountExternalId`).
    public let inputs: FieldChanges
    /// What the body gave of the record's own fields.
    public let given: FieldChanges
    public let context: WriteContext
}

/// What becomes of a draft.
public enum Creation<Record: Aggregate>: Sendable {
    case create(Insertion<Record>)
    /// An existing record takes it up (another touch of the same lead).
    case change(Modification<Record>)
    /// An existing record says it all already; nothing is written.
    case unchanged(Record)
    case refuse(Problem)

    public static func create(
        _ record: Record, guards: [SQL] = [], statements: [SQL] = [], event: EventDraft = .created,
        answer: JSONObject = [:]
    ) -> Creation {
        .create(Insertion(record, guards: guards, statements: statements, event: event, answer: answer))
    }

    public static func change(
        from old: Record, to new: Record, statements: [SQL] = [], event: EventDraft = .updated,
        answer: JSONObject = [:]
    ) -> Creation {
        .change(Modification(from: old, to: new, event, statements: statements, answer: answer))
    }

    /// Decides each draft by itself: what is wrong with one refuses that one. What is wrong with none of them, such as a
    /// database that is away, is thrown.
    public static func each(
        of drafts: [Draft<Record>], _ decide: (Draft<Record>) async throws -> Creation
    ) async throws -> [Creation] {
        var creations: [Creation] = []
        for draft in drafts {
            do {
                creations.append(try await decide(draft))
            } catch {
                guard let problem = Problem(translating: error), problem.type.status < 500 else { throw error }
                creations.append(.refuse(problem))
            }
        }
        return creations
    }
}

/// A new record on its way.
public struct Insertion<Record: Aggregate>: Sendable {
    public let record: Record
    /// Run first; they raise where the decision no longer stands (``KeyLock``).
    public var guards: [SQL]
    /// Run after the record's insert, in the same transaction.
    public var statements: [SQL]
    public var event: EventDraft
    /// Members of the answer besides the object's own.
    public var answer: JSONObject

    public init(
        _ record: Record, guards: [SQL] = [], statements: [SQL] = [], event: EventDraft = .created,
        answer: JSONObject = [:]
    ) {
        (self.record, self.guards, self.statements) = (record, guards, statements)
        (self.event, self.answer) = (event, answer)
    }
}

/// A change on its way.
public struct Modification<Record: Aggregate>: Sendable {
    public let old: Record
    public var new: Record
    public var event: EventDraft
    /// Run first: turns that are taken before any row is locked, and what raises when the decision no longer stands.
    public var guards: [SQL] = []
    /// Run after the record's update, in the same transaction.
    public var statements: [SQL]
    /// Members of the answer besides the object's own.
    public var answer: JSONObject

    public init(
        from old: Record, to new: Record, _ event: EventDraft = .updated, statements: [SQL] = [],
        answer: JSONObject = [:]
    ) {
        self.old = old
        self.new = new
        self.event = event
        self.statements = statements
        self.answer = answer
    }
}

/// What a service's domain says about the writes of one resource.
///
/// The functions load what they need and then call the pure rules of `Domain/`. They may be called again for the same
/// write and have no effects of their own.
public struct ResourceRules<Record: Aggregate>: Sendable {
    /// Decides over drafts of one tenant, in their order: as many answers as drafts. Several at once, so that bulk
    /// loads what it needs in one query.
    public var creating: @Sendable ([Draft<Record>]) async throws -> [Creation<Record>]
    /// Fields for what a record that is there is told of by other names (`accountExternalId`).
    public var naming: @Sendable (JSONObject, WriteContext) async throws -> JSONObject
    /// The record that another system knows by an identity that is not its own first one; nil when there is none.
    public var finding: @Sendable (ExternalKey, TenantID) async throws -> Record?
    /// Decides over a change of fields.
    public var changing:
        @Sendable (Modification<Record>, FieldChanges, WriteContext) async throws -> Modification<Record>
    /// Decides over a deletion.
    public var deleting: @Sendable (Modification<Record>, WriteContext) async throws -> Modification<Record>
    /// Decides over the return of what was deleted, which may meet others by now.
    public var restoring: @Sendable (Modification<Record>, WriteContext) async throws -> Modification<Record>
    /// Columns that are computed from a record: search text, match keys. The same columns for every record.
    public var columns: @Sendable (Record) -> [(column: String, value: SQL)]
    /// A record as a reader of the language sees it; nil where all see the same. What is stored and told to other services
    /// stays as it is.
    public var showing: (@Sendable (Record, Language) -> Record)?

    public init(
        creating: @escaping @Sendable ([Draft<Record>]) async throws -> [Creation<Record>] = { drafts in
            drafts.map { .create($0.record) }
        },
        naming: @escaping @Sendable (JSONObject, WriteContext) async throws -> JSONObject = { _, _ in [:] },
        finding: @escaping @Sendable (ExternalKey, TenantID) async throws -> Record? = { _, _ in nil },
        changing:
            @escaping @Sendable (Modification<Record>, FieldChanges, WriteContext) async throws -> Modification<
                Record
            > = { modification, _, _ in modification },
        deleting: @escaping @Sendable (Modification<Record>, WriteContext) async throws -> Modification<Record> = {
            modification, _ in modification
        },
        restoring: @escaping @Sendable (Modification<Record>, WriteContext) async throws -> Modification<Record> = {
            modification, _ in modification
        },
        columns: @escaping @Sendable (Record) -> [(column: String, value: SQL)] = { _ in [] },
        showing: (@Sendable (Record, Language) -> Record)? = nil
    ) {
        self.creating = creating
        self.naming = naming
        self.finding = finding
        self.changing = changing
        self.deleting = deleting
        self.restoring = restoring
        self.columns = columns
        self.showing = showing
    }
}
