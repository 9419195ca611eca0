using System.Buffers.Text;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// Opaque texts that a client gives back: base64url of a body and 16 bytes of HMAC-SHA256 over it, keyed with the cluster's secret, so
/// every node accepts what any node gave out and no client can make one, which is what keeps a client from poisoning time.
/// </summary>
public static class SignedTokens
{
    private const int MacBytes = 16;

    /// <summary>A text for the body.</summary>
    public static string Seal(ReadOnlySpan<byte> secret, ReadOnlySpan<byte> body)
    {
        Span<byte> token = stackalloc byte[body.Length + MacBytes];
        body.CopyTo(token);
        Span<byte> mac = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(secret, body, mac);
        mac[..MacBytes].CopyTo(token[body.Length..]);
        return Base64Url.EncodeToString(token);
    }

    /// <summary>The body of a text that was sealed with the same secret; false for anything else.</summary>
    public static bool TryOpen(ReadOnlySpan<byte> secret, string text, out byte[] body)
    {
        body = [];
        if (text.Length > TokenCharsMax || !Base64Url.IsValid(text))
        {
            return false;
        }

        var token = Base64Url.DecodeFromChars(text);
        if (token.Length < MacBytes)
        {
            return false;
        }

        Span<byte> mac = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(secret, token.AsSpan(0, token.Length - MacBytes), mac);
        if (!CryptographicOperations.FixedTimeEquals(mac[..MacBytes], token.AsSpan(token.Length - MacBytes)))
        {
            return false;
        }

        body = token[..^MacBytes];

        // Unused bits of the last character can be set without changing a byte; one body has one text.
        return string.Equals(Base64Url.EncodeToString(token), text, StringComparison.Ordinal);
    }

    // Two keys and a little; well below what a stack holds.
    private const int TokenCharsMax = 16 * 1024;
}

/// <summary>The highest timestamp a client has seen, as it carries it from one request to the next.</summary>
public static class SessionToken
{
    private const byte Version = 1;
    private const byte Kind = (byte)'s';

    /// <summary>A token for a timestamp.</summary>
    public static string Seal(ReadOnlySpan<byte> secret, HlcTimestamp seen)
    {
        var body = new CodecWriter(10);
        body.WriteByte(Kind);
        body.WriteByte(Version);
        body.WriteTimestamp(seen);
        return SignedTokens.Seal(secret, body.Written);
    }

    /// <summary>The timestamp of a token; false when the cluster never gave it out.</summary>
    public static bool TryOpen(ReadOnlySpan<byte> secret, string text, out HlcTimestamp seen)
    {
        seen = default;
        if (!SignedTokens.TryOpen(secret, text, out var body) || body.Length != 10 || body[0] != Kind || body[1] != Version)
        {
            return false;
        }

        var reader = new CodecReader(body.AsSpan(2));
        seen = reader.ReadTimestamp();
        return true;
    }
}

/// <summary>Where the next page of a scan begins, and what it belongs to.</summary>
/// <param name="TableId">The table.</param>
/// <param name="SchemaVersion">The table's schema when the page before was read.</param>
/// <param name="QueryHash">Everything of the query but its limit.</param>
/// <param name="At">The timestamp all pages are read at.</param>
/// <param name="Rest">The keys that were not read yet.</param>
public sealed record PageToken(long TableId, int SchemaVersion, ImmutableArray<byte> QueryHash, HlcTimestamp At, KeySpan Rest)
{
    private const byte Version = 1;
    private const byte Kind = (byte)'p';

    /// <summary>The token as text.</summary>
    public string Seal(ReadOnlySpan<byte> secret)
    {
        var body = new CodecWriter();
        body.WriteByte(Kind);
        body.WriteByte(Version);
        body.WriteInt64(TableId);
        body.WriteInt32(SchemaVersion);
        body.WriteBytes(QueryHash.AsSpan());
        body.WriteTimestamp(At);
        body.WriteKey(Rest.Start);
        body.WriteKey(Rest.End);
        return SignedTokens.Seal(secret, body.Written);
    }

    /// <summary>The token of a text; null when the cluster never gave it out, or this build cannot read it.</summary>
    public static PageToken? TryOpen(ReadOnlySpan<byte> secret, string text)
    {
        if (!SignedTokens.TryOpen(secret, text, out var body) || body.Length < 2 || body[0] != Kind)
        {
            return null;
        }

        try
        {
            var reader = new CodecReader(body.AsSpan(1));
            reader.ReadVersion("a page token", Version);
            var token = new PageToken(
                reader.ReadInt64(),
                reader.ReadInt32(),
                [.. reader.ReadBytes()],
                reader.ReadTimestamp(),
                new(reader.ReadKey(), reader.ReadKey()));
            reader.ExpectEnd("a page token");
            return token;
        }
        catch (CodecException)
        {
            return null;
        }
    }

    /// <summary>Names a query: pages of one query share it, and no other query's token fits.</summary>
    public static ImmutableArray<byte> HashOf(TableRef table, ScanRequest scan)
    {
        var text = new CodecWriter();
        text.WriteString(table.Database);
        text.WriteString(table.Table);
        WriteValues(text, scan.Prefix);
        text.WriteBool(scan.From is not null);
        WriteValues(text, scan.From ?? []);
        text.WriteBool(scan.To is not null);
        WriteValues(text, scan.To ?? []);
        text.WriteUInt64((ulong)scan.Where.Length);
        foreach (var (column, comparison, literal) in scan.Where)
        {
            text.WriteString(column);
            text.WriteByte((byte)comparison);
            WriteValues(text, [literal]);
        }

        text.WriteBool(scan.Descending);
        return [.. SHA256.HashData(text.Written).AsSpan(0, 16)];
    }

    private static void WriteValues(CodecWriter text, ImmutableArray<Datum> values)
    {
        text.WriteUInt64((ulong)values.Length);
        foreach (var value in values)
        {
            KeyEncoding.Encode(text, value);
        }
    }
}

/// <summary>Names of requests: what stays the same over all attempts at one write.</summary>
public static class RequestIds
{
    /// <summary>The id that follows from a client's key, per database and, in a batch, per write.</summary>
    public static ImmutableArray<byte> FromKey(string database, string idempotencyKey, int position)
    {
        var text = new CodecWriter();
        text.WriteString(database);
        text.WriteString(idempotencyKey);
        text.WriteInt32(position);
        return [.. SHA256.HashData(text.Written).AsSpan(0, 16)];
    }

    /// <summary>What a write asks for, without what the server adds to it (defaults), so that a later schema changes nothing.</summary>
    public static ImmutableArray<byte> BodyHash(long tableId, RowWrite write)
    {
        var text = new CodecWriter();
        text.WriteInt64(tableId);
        text.WriteByte((byte)write.Kind);
        text.WriteUInt64((ulong)write.Key.Length);
        foreach (var value in write.Key)
        {
            KeyEncoding.Encode(text, value);
        }

        foreach (var (name, value) in write.Values.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            text.WriteString(name);
            KeyEncoding.Encode(text, value);
        }

        text.WriteByte(0xFF);
        var condition = write.Precondition;
        text.WriteBool(condition.IfExists);
        text.WriteBool(condition.IfAbsent);
        WriteVersions(text, condition.IfMatch);
        WriteVersions(text, condition.IfNoneMatch);
        return [.. SHA256.HashData(text.Written).AsSpan(0, 16)];
    }

    /// <summary>What a transaction asks for.</summary>
    public static ImmutableArray<byte> BodyHash(TransactionRequest transaction)
    {
        var text = new CodecWriter();
        Wire.WireTransactions.WriteRequest(text, transaction);
        return [.. SHA256.HashData(text.Written).AsSpan(0, 16)];
    }

    /// <summary>What a step of an open transaction asks for.</summary>
    public static ImmutableArray<byte> BodyHash(TransactionStep step)
    {
        var text = new CodecWriter();
        Wire.WireOpenTransactions.WriteStep(text, step);
        return [.. SHA256.HashData(text.Written).AsSpan(0, 16)];
    }

    /// <summary>The hash of a request that is described by a text.</summary>
    public static ImmutableArray<byte> Hash(string what) => [.. SHA256.HashData(Encoding.UTF8.GetBytes(what)).AsSpan(0, 16)];

    private static void WriteVersions(CodecWriter text, ImmutableArray<HlcTimestamp> versions)
    {
        text.WriteUInt64((ulong)versions.Length);
        foreach (var version in versions)
        {
            text.WriteTimestamp(version);
        }
    }
}
