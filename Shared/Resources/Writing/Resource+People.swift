import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Values

/// The people in records, and the teams, business lines and products: who is named must be there, and an owner brings his
/// team, so that who manages it sees what its people own.
extension Resource {
    /// The input by which a creation may name its owner.
    private static var ownerLogin: String { "ownerLogin" }

    // MARK: - Creation

    /// The domain's answers to drafts, those that name nobody refused in their places.
    func decide(_ drafts: [Draft<Record>]) async throws -> [Creation<Record>] {
        guard let context = drafts.first?.context, let directory = environment.directory else {
            return try await answers(to: drafts)
        }
        let asked = context.principal.kind == .service ? nil : context.askedAt
        let people = try await directory.people(
            Set(drafts.flatMap { named(in: $0).map(\.id) + [caller($0)].compactMap(\.self) }),
            logins: Set(drafts.compactMap { $0.inputs.value(Self.ownerLogin, as: String.self) }),
            tenant: context.tenant, asked: asked)
        let places = try await places(drafts, directory, context.tenant, asked: asked)
        var placed = drafts.map { draft in
            Result { () throws(Problem) in
                try check(draft, places)
                return try place(draft, people)
            }
        }
        try await readmit(&placed, drafts, people)
        var decided = try await answers(to: placed.compactMap { try? $0.get() })[...]
        return placed.map { draft in
            switch draft {
            case .failure(let problem): .refuse(problem)
            case .success: decided.popFirst() ?? .refuse(Problem(.internalError))
            }
        }
    }

    /// The domain's answers to drafts, where what is there already may take them up.
    private func answers(to drafts: [Draft<Record>]) async throws -> [Creation<Record>] {
        var answers: [Creation<Record>] = []
        for (draft, creation) in zip(drafts, try await rules.creating(drafts)) {
            switch creation {
            case .unchanged(let known): answers.append(try await admitted(creation, by: known, draft.context))
            case .change(let modification):
                answers.append(try await admitted(creation, by: modification.old, draft.context))
            case .create, .refuse: answers.append(creation)
            }
        }
        return answers
    }

    private func admitted(
        _ creation: Creation<Record>, by known: Record, _ context: WriteContext
    ) async throws -> Creation<Record> {
        try await refusal(by: known, context).map { .refuse($0) } ?? creation
    }

    /// Why a record that is there takes up nothing of what somebody tells: it was deleted since, or is none of his, and
    /// then he hears no more than that there is one, or it is not of the version that he means. nil when it may.
    public func refusal(by known: Record, _ context: WriteContext) async throws -> Problem? {
        if context.principal.kind != .service,
            try await !admits(context.principal, known, tenant: context.tenant)
        {
            return Problem(.duplicate)
        }
        if known.deletedAt != nil { return deletedSince(known, at: context.now) }
        do throws(Problem) { try checkVersion(known, context) } catch { return error }
        return nil
    }

    /// The people whom a draft names by id.
    private func named(in draft: Draft<Record>) -> [(field: String, id: UUID)] {
        personFields.compactMap { field in
            guard draft.given.contains(field), case .uuid(let id)? = entity.value(of: field, in: draft.record) else {
                return nil
            }
            return (field, id)
        }
    }

    /// The teams, business lines and products that a draft names.
    private func placesNamed(in draft: Draft<Record>) -> [(field: String, part: DirectoryCopy.Part, id: UUID)] {
        placeFields.compactMap { field, part in
            guard draft.given.contains(field), case .uuid(let id)? = entity.value(of: field, in: draft.record) else {
                return nil
            }
            return (field, part, id)
        }
    }

    /// Those that drafts name and that are there.
    private func places(
        _ drafts: [Draft<Record>], _ directory: Directory, _ tenant: TenantID, asked: Timestamp?
    ) async throws -> Set<UUID> {
        var known: Set<UUID> = []
        for part in Set(placeFields.map(\.part)) {
            let ids = drafts.flatMap { placesNamed(in: $0) }.filter { $0.part == part }.map(\.id)
            known.formUnion(try await directory.places(ids, part, tenant: tenant, asked: asked))
        }
        return known
    }

    private func check(_ draft: Draft<Record>, _ places: Set<UUID>) throws(Problem) {
        // As of people: a step of a conversion goes on with what its lead has.
        guard draft.context.principal.kind != .service else { return }
        for (field, part, id) in placesNamed(in: draft) where !places.contains(id) {
            throw Directory.refusal(part, id, at: "/\(field)")
        }
    }

    /// The person to whom a draft belongs if it names no owner.
    private func caller(_ draft: Draft<Record>) -> UUID? {
        ownership?.takesCaller == true ? draft.context.userID : nil
    }

    private func place(
        _ draft: Draft<Record>, _ people: Directory.People, checking: Bool = true
    ) throws(Problem) -> Draft<Record> {
        var draft = draft
        // A step of a conversion goes on for the people of its lead, whoever has left since.
        if checking, draft.context.principal.kind != .service {
            for (field, id) in named(in: draft) {
                if let refusal = Directory.refusal(people[id], named: id.lowercased, at: "/\(field)") { throw refusal }
            }
        }
        guard let ownership else { return draft }
        if inputs[Self.ownerLogin] != nil, let login = draft.inputs.value(Self.ownerLogin, as: String.self) {
            let refusal = Directory.refusal(people[login], named: login, at: "/\(Self.ownerLogin)")
            if checking, let refusal { throw refusal }
            draft.record[keyPath: ownership.owner] = people[login]?.id
        }
        let owner = draft.record[keyPath: ownership.owner] ?? caller(draft)
        let (given, own) = (draft.record[keyPath: ownership.team], owner.flatMap { people[$0]?.team })
        // A person without the permission keeps what is his, in his team; to whom rules give it is not his doing.
        let isOthers = owner.map { $0 != draft.context.userID } ?? false
        if isOthers || (given != nil && given != own) { try mustGive(draft.context) }
        draft.record[keyPath: ownership.owner] = owner
        draft.record[keyPath: ownership.team] = given ?? own
        return draft
    }

    /// Another system that tells a record again need not know that somebody in it has left since.
    private func readmit(
        _ placed: inout [Result<Draft<Record>, Problem>], _ drafts: [Draft<Record>], _ people: Directory.People
    ) async throws {
        guard hasExternalID else { return }
        var refused: [(index: Int, key: ExternalKey)] = []
        for (index, draft) in placed.enumerated() {
            guard case .failure = draft, let key = Self.externalKey(of: drafts[index].record) else { continue }
            refused.append((index, key))
        }
        guard !refused.isEmpty, let tenant = drafts.first?.context.tenant else { return }
        let rows = try await database.query(
            tenant, "\(table.select(SchemaName(tenant))) where external_id = any(\(refused.map(\.key.id)))")
        let known = try rows.map { try table.record($0) }
        for (index, key) in refused {
            guard let same = known.first(where: { Self.externalKey(of: $0) == key }) else { continue }
            let told = Result { () throws(Problem) in try place(drafts[index], people, checking: false) }
            // A team that was not named is that of whom it is now, which is nothing that was told.
            let places = placesNamed(in: drafts[index]).map(\.field)
            guard let record = try? told.get().record,
                (personFields + places).allSatisfy({
                    entity.value(of: $0, in: same) == entity.value(of: $0, in: record)
                })
            else { continue }
            placed[index] = told
        }
    }

    private static func externalKey(of record: Record) -> ExternalKey? {
        (record as? any ExternallyKnown)?.externalKey
    }

    // MARK: - Change

    /// The owner whom a `PUT` names by login.
    func ownerByLogin(_ members: JSONObject, _ context: WriteContext) async throws -> UUID? {
        guard inputs[Self.ownerLogin] != nil, let login = members[Self.ownerLogin]?.string,
            let directory = environment.directory
        else { return nil }
        let people = try await directory.people([], logins: [login], tenant: context.tenant, asked: context.askedAt)
        if let refusal = Directory.refusal(people[login], named: login, at: "/\(Self.ownerLogin)") { throw refusal }
        return people[login]?.id
    }

    /// A change, with what it means that people in it are others than before.
    ///
    /// - Parameter asksTeam: whether a team was asked for, be it the one it has; else another owner brings his.
    /// - Throws: 403 without the permission to give records away, 422 for somebody who is not there.
    public func reassigned(
        _ modification: Modification<Record>, _ context: WriteContext, asksTeam: Bool, reason: String? = nil
    ) async throws -> Modification<Record> {
        let (old, new) = (modification.old, modification.new)
        var result = modification
        if let directory = environment.directory {
            for (field, part) in placeFields {
                guard case .uuid(let id)? = entity.value(of: field, in: new),
                    entity.value(of: field, in: old) != .uuid(id)
                else { continue }
                try await directory.check(id, part, at: "/\(field)", context)
            }
            for field in personFields {
                guard case .uuid(let id)? = entity.value(of: field, in: new),
                    entity.value(of: field, in: old) != .uuid(id)
                else { continue }
                let person = try await directory.active(id, at: "/\(field)", context)
                guard let ownership, !asksTeam, new[keyPath: ownership.owner] == id,
                    old[keyPath: ownership.owner] != id
                else { continue }
                result.new[keyPath: ownership.team] = person.team ?? new[keyPath: ownership.team]
            }
        }
        guard let ownership, ownership.giving != nil,
            (old[keyPath: ownership.owner], old[keyPath: ownership.team])
                != (result.new[keyPath: ownership.owner], result.new[keyPath: ownership.team])
        else { return result }
        try mustGive(context)
        var details = OwnerChanged()
        (details.fromOwnerId, details.fromTeamId) = (old[keyPath: ownership.owner], old[keyPath: ownership.team])
        (details.reason, details.by) = (reason, context.principal.subjectID)
        result.event = EventDraft("assigned", details: details.json.object ?? [:])
        return result
    }

    private func mustGive(_ context: WriteContext) throws(Problem) {
        guard let giving = ownership?.giving, context.principal.kind == .user, !context.principal.may(giving) else {
            return
        }
        throw Problem(
            .forbidden,
            .init(
                en: "Leave out ownerId and teamId: giving \(collection) away needs the permission \(giving).",
                zh: "请勿填写 ownerId 和 teamId：分配\(entity.zh)需要 \(giving) 权限。"))
    }
}
