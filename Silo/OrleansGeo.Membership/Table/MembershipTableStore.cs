namespace OrleansGeo.Membership;

/// <summary>What became of a change to the membership table.</summary>
public abstract record TableOutcome
{
    private TableOutcome()
    {
    }

    /// <summary>The table is this now: read, or changed.</summary>
    public sealed record Done(MembershipTable Table) : TableOutcome;

    /// <summary>The change does not hold in the table as it is, and was not made.</summary>
    public sealed record Declined(MembershipTable Table) : TableOutcome;

    /// <summary>Nothing was changed: no majority of the databases took part, or others changed the table all the time.</summary>
    public sealed record Unavailable(string Reason) : TableOutcome;

    /// <summary>The change may have been made, or may yet be, once.</summary>
    public sealed record Unknown(string Reason) : TableOutcome;
}

/// <summary>
/// The membership table in a register. A change is a function of the table, evaluated again when the register moved on: a sign of life of
/// one silo does not spoil the update of another, and whether an update still holds is for the table's own version to say.
/// </summary>
public sealed class MembershipTableStore(RegisterClient register)
{
    private const int TriesMax = 16;

    /// <summary>The table at a moment of the call.</summary>
    public async Task<TableOutcome> ReadAsync(CancellationToken cancellation) => await register.ReadAsync(cancellation) switch
    {
        ReadOutcome.Found found => new TableOutcome.Done(MembershipTable.Decode(found.Bytes.Span)),
        ReadOutcome.Unavailable none => new TableOutcome.Unavailable(none.Reason),
        var other => throw new InvalidOperationException($"not an outcome: {other}"),
    };

    /// <summary>Changes the table. The function gives null when the change does not hold; it may be called several times.</summary>
    public async Task<TableOutcome> ChangeAsync(Func<MembershipTable, MembershipTable?> change, CancellationToken cancellation)
    {
        var read = await register.ReadAsync(cancellation);
        if (read is not ReadOutcome.Found(var version, var bytes))
        {
            return new TableOutcome.Unavailable(((ReadOutcome.Unavailable)read).Reason);
        }

        for (var i = 0; i < TriesMax; i++)
        {
            var table = MembershipTable.Decode(bytes.Span);
            if (change(table) is not { } changed)
            {
                return new TableOutcome.Declined(table);
            }

            if (changed.Equals(table))
            {
                return new TableOutcome.Done(table);
            }

            switch (await register.TryChangeAsync(version, changed.Encode(), cancellation))
            {
                case ChangeOutcome.Changed:
                    return new TableOutcome.Done(changed);
                case ChangeOutcome.Conflict conflict:
                    (version, bytes) = (conflict.Version, conflict.Bytes);
                    break;
                case ChangeOutcome.Unavailable none:
                    return new TableOutcome.Unavailable(none.Reason);
                case ChangeOutcome.Unknown unknown:
                    return new TableOutcome.Unknown(unknown.Reason);
            }
        }

        return new TableOutcome.Unavailable($"others changed the membership table in each of {TriesMax} tries");
    }
}
