import Entities
import EventLog
import Foundation
import HTTP
import JSON
import Postgres
import Values

extension Resource {
    /// Reads the body of a creation.
    ///
    /// - Throws: ``ValidationFailure`` with everything that is wrong; 403 and 422 problems of `occurredAt`.
    public func draft(_ body: JSON, _ context: WriteContext, custom: CustomFields) throws -> Draft<Record> {
        guard let members = body.object else {
            throw ValidationFailure([FieldIssue("", "wrongType", "Write an object here.", zh: "此处须为对象。")])
        }
        var own = JSONObject()
        var others = JSONObject()
        for (name, value) in members {
            // `occurredAt` may be a field of the record itself.
            if inputs[name] != nil, entity[name] == nil { others[name] = value } else { own[name] = value }
        }
        let inputs = try inputs.validate(create: .object(others))
        let changes = try entity.validate(create: .object(own), custom: custom)
        let context = try context.happened(at: inputs.value("occurredAt"))
        var blank = Record(id: UUIDv7.make(at: context.now), at: context.occurredAt)
        blank.updatedAt = context.now
        return Draft(
            record: entity.apply(changes, to: blank).record, inputs: inputs, given: changes, context: context)
    }

    /// Creates one record from a body, as `POST` does.
    ///
    /// - Parameter known: what to do when a record says it all already, instead of answering it.
    public func create(
        _ body: JSON, _ context: WriteContext, known: @escaping @Sendable (Record) throws -> Void = { _ in }
    ) async throws -> HTTPResponse {
        let draft = try draft(body, context, custom: try await custom(context.tenant))
        return try await writer.write(draft.context) {
            guard let creation = try await decide([draft]).first else { throw Problem(.internalError) }
            if case .unchanged(let record) = creation { try known(record) }
            return try prepare(creation, draft.context)
        }
    }

    /// The statements and the answer of a creation.
    public func prepare(_ creation: Creation<Record>, _ context: WriteContext) throws -> PreparedWrite {
        switch creation {
        case .refuse(let problem): throw problem
        case .unchanged(let record): return PreparedWrite([], response: answer(record, in: context.language))
        case .create(let insertion):
            return PreparedWrite(
                insertion.guards + statements(of: insertion, context),
                response: answer(insertion.record, in: context.language, status: .created, more: insertion.answer))
        case .change(let modification): return prepare(modification, context)
        }
    }

    /// The insert with what follows it; what guards it apart.
    public func statements(of insertion: Insertion<Record>, _ context: WriteContext) -> [SQL] {
        let event = insertion.record.event(insertion.event, source: environment.source, context)
        return [table.insert([insertion.record], into: SchemaName(context.tenant), more: rules.columns)]
            + insertion.statements + (event.map { [Outbox.insert([$0])] } ?? [])
    }

    /// The statements and the answer of a change: version and time of change are set here. A change of nothing writes
    /// nothing.
    public func prepare(_ modification: Modification<Record>, _ context: WriteContext) -> PreparedWrite {
        let old = modification.old
        var new = modification.new
        let isSame = old == new && modification.statements.isEmpty && modification.guards.isEmpty
        if !isSame {
            new.version = old.version + 1
            new.updatedAt = context.now
        }
        let response = answer(new, in: context.language, more: modification.answer)
        if isSame { return PreparedWrite([], response: response) }
        let event = new.event(modification.event, from: old, source: environment.source, context)
        let update = table.update(from: old, to: new, in: SchemaName(context.tenant), more: rules.columns(new))
        return PreparedWrite(
            modification.guards + [update] + modification.statements + (event.map { [Outbox.insert([$0])] } ?? []),
            response: response)
    }

    /// Changes a record by a decision of the domain: reads it, checks visibility and `If-Match`, decides, commits, and
    /// decides anew when somebody was faster.
    ///
    /// - Parameters:
    ///   - key: an id or a code.
    ///   - answer: makes the answer from the prepared one, which shows the new record.
    public func change(
        _ key: String, _ context: WriteContext, deleted: Bool = false,
        answer: @escaping @Sendable (Record, HTTPResponse) -> HTTPResponse = { $1 },
        decide: @escaping @Sendable (Record) async throws -> Modification<Record>
    ) async throws -> HTTPResponse {
        try await writer.write(context) {
            let old = try await visible(key, context.principal, tenant: context.tenant, deleted: deleted)
            try checkVersion(old, context)
            let modification = try await decide(old)
            var prepared = prepare(modification, context)
            prepared.response = answer(modification.new, prepared.response)
            return prepared
        }
    }

    /// Changes fields by a merge patch.
    public func patch(_ key: String, _ body: JSON, _ context: WriteContext) async throws -> HTTPResponse {
        let changes = try entity.validate(patch: body, custom: try await custom(context.tenant))
        return try await change(key, context) { old in
            let new = entity.apply(changes, to: old).record
            let modification = try await reassigned(
                Modification(from: old, to: new), context, asksTeam: changes.contains("teamId"))
            return try await rules.changing(modification, changes, context)
        }
    }

    /// Deletes: the record stays, unseen, and can be restored for a time (``Restoring``).
    public func delete(_ key: String, _ context: WriteContext) async throws -> HTTPResponse {
        try await change(
            key, context, answer: { _, _ in .noContent },
            decide: { old in
                var new = old
                new.deletedAt = context.now
                return try await rules.deleting(Modification(from: old, to: new, .deleted), context)
            })
    }

    /// Creates the record that another system knows by `id`, or changes the one there is.
    public func put(
        externalSystem system: String, id: String, _ body: JSON, _ context: WriteContext
    ) async throws -> HTTPResponse {
        guard var members = body.object else { throw Problem(.malformedJSON) }
        let key = try externalKey(system: system, id: id)
        for (name, value) in [("externalSystem", system), ("externalId", id)] {
            guard members[name] == nil || members[name] == .string(value) else {
                throw Problem.validation([.mismatch("/\(name)")])
            }
            members[name] = .string(value)
        }
        for attempt in 1... {
            if let found = try await known(by: key, tenant: context.tenant) {
                return try await tell(members, to: found, context)
            }
            // It would be a condition of something that is not there.
            guard context.ifMatch == nil else { throw Problem(.versionMismatch) }
            do {
                return try await create(.object(members), context) { throw KnownRecord(record: $0) }
            } catch let known as KnownRecord<Record> {
                // Under another identity of its own, or made meanwhile.
                return try await tell(members, to: known.record, context)
            } catch let error as PostgresError where error.sqlState == WriteState.uniqueViolation && attempt < 3 {
                // Somebody else created it meanwhile: it is a change now.
                continue
            }
        }
        throw Problem(.conflict)
    }

    private func tell(_ members: JSONObject, to found: Record, _ context: WriteContext) async throws -> HTTPResponse {
        if let refusal = try await refusal(by: found, context) { throw refusal }
        return try await patch(found.id.lowercased, .object(told(members, to: found, context)), context)
    }

    /// The identity as it is stored; what could never be is told.
    func externalKey(system: String, id: String) throws -> ExternalKey {
        func cleaned(_ text: String, _ name: String) throws -> String {
            guard let text = entity.schema.cleaned(text), !text.isEmpty else {
                throw Problem.validation([
                    FieldError(
                        "/\(name)", code: "invalidText",
                        .init(en: "Write letters, digits and signs.", zh: "须为文字、数字或符号。"))
                ])
            }
            return text
        }
        return ExternalKey(
            system: try cleaned(system, "externalSystem"), id: try cleaned(id, "externalId"))
    }

    /// What a `PUT` tells anew of a record that is there: all but what only its creation takes.
    private func told(_ members: JSONObject, to found: Record, _ context: WriteContext) async throws -> JSONObject {
        var members = members
        if let owner = try await ownerByLogin(members, context) {
            members["ownerId"] = owner.json
            if let field = entity["ownerId"], field.traits.contains(.createOnly),
                entity.encode(found)["ownerId"] != owner.json
            {
                throw Problem.validation([
                    FieldError(
                        "/ownerLogin", code: "createOnly",
                        .init(
                            en: "It has another owner: give it to this one by POST …/assign.",
                            zh: "已有其他负责人，请通过 POST …/assign 转交。"))
                ])
            }
        }
        for (name, value) in try await rules.naming(members, context) { members[name] = value }
        let fields = members.filter { member in
            if let field = entity[member.name] { return !field.traits.contains(.createOnly) }
            // A name that nothing has is refused with its name.
            return inputs[member.name] == nil
        }
        return JSONObject(fields.map { ($0.name, $0.value) })
    }

    // MARK: - Pieces

    func custom(_ tenant: TenantID) async throws -> CustomFields {
        try await environment.customFields.fields(of: entity.name, tenant: tenant)
    }

    func checkVersion(_ record: Record, _ context: WriteContext) throws(Problem) {
        guard let condition = context.ifMatch, !condition.admits(record.version) else { return }
        throw Problem(
            .versionMismatch, extras: ["current": entity.encode(shown(record, in: context.language))],
            headers: [("ETag", "\"\(record.version)\"")])
    }

    /// The record as a reader of the language sees it.
    func shown(_ record: Record, in language: Language) -> Record { rules.showing?(record, language) ?? record }

    /// The object with its version, its address where it is new, and the position for reads elsewhere.
    func answer(
        _ record: Record, in language: Language, status: HTTPStatus = .ok, more: JSONObject = [:]
    ) -> HTTPResponse {
        var writer = JSONWriter(capacity: 1024)
        entity.write(shown(record, in: language), into: &writer)
        if !more.isEmpty {
            writer.bytes.removeLast()
            for (name, value) in more {
                writer.raw(",")
                writer.write(name)
                writer.raw(":")
                writer.write(value)
            }
            writer.raw("}")
        }
        var response = HTTPResponse.json(bytes: writer.bytes, status: status)
        response.version = record.version
        if status == .created { response.headers["Location"] = "/v1/\(collection)/\(record.id.lowercased)" }
        response.headers["X-Guanxi-Position"] = "\(record.id.lowercased):\(record.version)"
        return response
    }
}

extension FieldError {
    /// Of a member that says otherwise than the path does.
    static func mismatch(_ path: String) -> FieldError {
        FieldError(
            path, code: "mismatch", .init(en: "Leave this out, or repeat the path's.", zh: "请去掉此项，或与路径保持一致。"))
    }
}

/// Thrown instead of answering a record that says it all already.
private struct KnownRecord<Record: Sendable>: Error {
    let record: Record
}
