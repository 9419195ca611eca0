using System.Text.Json;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Requests;

/// <summary>How a transaction that stays open is begun, from JSON.</summary>
public static class OpenTransactionReader
{
    private static readonly (string Word, TransactionIsolation Value)[] s_isolations =
        [("serializable", TransactionIsolation.Serializable), ("strict", TransactionIsolation.Strict)];

    /// <summary>Reads the body; null with what is wrong with it.</summary>
    public static TransactionBegin? Begin(JsonElement body, out GeoError? error)
    {
        var members = new JsonMembers(body);
        var isolation = Isolation(members);
        var readOnly = members.Flag("readOnly") ?? false;
        var asOf = AsOf(members);
        var idle = IdleTimeout(members);
        error = members.Finish();
        return error is null ? new(isolation, readOnly, asOf, idle) : null;
    }

    /// <summary>The isolation that a body asks for.</summary>
    public static TransactionIsolation Isolation(JsonMembers members) =>
        members.Choice("isolation", s_isolations) ?? TransactionIsolation.Serializable;

    private static HlcTimestamp? AsOf(JsonMembers members)
    {
        if (members.Text("asOf") is not { } text)
        {
            return null;
        }

        if (!HlcTimestamp.TryParse(text, out var timestamp))
        {
            members.Refuse(Refusal.Wrong(
                "asOf", "bad-timestamp", $"'asOf' is a timestamp as answers give it, not {DatumText.Quote(text)}."));
        }

        return timestamp;
    }

    private static TimeSpan? IdleTimeout(JsonMembers members)
    {
        if (members.Element("idleTimeoutMs") is not { } given)
        {
            return null;
        }

        if (given.ValueKind == JsonValueKind.Number && given.TryGetInt32(out var millis) && millis > 0
            && millis <= GeoLimits.IdleTimeoutMax.TotalMilliseconds)
        {
            return TimeSpan.FromMilliseconds(millis);
        }

        members.Refuse(Refusal.Wrong(
            "idleTimeoutMs", "bad-idle-timeout",
            $"'idleTimeoutMs' is a whole number from 1 to {(long)GeoLimits.IdleTimeoutMax.TotalMilliseconds}."));
        return null;
    }
}
