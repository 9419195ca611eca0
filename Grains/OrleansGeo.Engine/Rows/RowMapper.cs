using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// Between rows as users give and get them and keys and values as ranges hold them. Every refusal names the column at fault. Nothing here
/// depends on the node: two gateways map one request to the same bytes, generated values included.
/// </summary>
public static class RowMapper
{
    /// <summary>Maps a write, defaults filled in. Null when it was mapped, else why not.</summary>
    /// <param name="table">The table.</param>
    /// <param name="write">What the user asks for.</param>
    /// <param name="requestId">The request's id, from which generated values follow.</param>
    /// <param name="key">The row's key with defaults.</param>
    /// <param name="mapped">What the range is to do.</param>
    public static GeoError? TryMap(
        TableInfo table, RowWrite write, ReadOnlySpan<byte> requestId, out ImmutableArray<Datum> key, out KeyWrite mapped)
    {
        mapped = null!;
        var layout = RowLayout.Of(table);
        if (CompleteKey(layout, write, requestId, out key) is { } badKey)
        {
            return badKey;
        }

        if (TryKey(table, key, out var rowKey) is { } tooLong)
        {
            return tooLong;
        }

        if (ByPosition(layout, write, key, out var values, out var given) is { } badColumn)
        {
            return badColumn;
        }

        byte[] bytes;
        GeoError? error = null;
        switch (write.Kind)
        {
            case WriteKind.Delete:
                bytes = [];
                break;
            case WriteKind.Merge:
                error = TryPatch(layout, values, given, out bytes);
                break;
            case WriteKind.Increment:
                error = TrySum(layout, values, given, out bytes);
                break;
            case WriteKind.Put or WriteKind.Insert:
                error = TryValue(layout, values, given, requestId, out bytes);
                break;
            default:
                return new(GeoErrorKind.Invalid, "unknown-write", "a write is a put, an insert, a merge, a delete or an increment", "kind");
        }

        mapped = new(write.Kind, rowKey, bytes, write.Precondition);
        return error ?? (bytes.Length > GeoLimits.RowBytesMax
            ? new(GeoErrorKind.TooLarge, "row-too-large", $"the row takes {bytes.Length} bytes and {GeoLimits.RowBytesMax} is the limit")
            : null);
    }

    /// <summary>The stored key of a row. Null when it is good, else why not.</summary>
    public static GeoError? TryKey(TableInfo table, ImmutableArray<Datum> key, out Key rowKey)
    {
        rowKey = default;
        if (CheckKeyValues(table, key, key.Length == table.Spec.PrimaryKey.Length) is { } error)
        {
            return error;
        }

        rowKey = TableKeys.Row(table.Id, TableKeys.PrimaryIndex, key.AsSpan());
        return rowKey.Length > GeoLimits.KeyBytesMax
            ? new(GeoErrorKind.TooLarge, "key-too-large", $"the key takes {rowKey.Length} bytes and {GeoLimits.KeyBytesMax} is the limit",
                "key")
            : null;
    }

    /// <summary>The bytes that all keys with these first values share. Null when they are good, else why not.</summary>
    public static GeoError? TryPrefix(TableInfo table, ImmutableArray<Datum> values, string field, out Key prefix)
    {
        prefix = default;
        if (CheckKeyValues(table, values, values.Length <= table.Spec.PrimaryKey.Length) is { } error)
        {
            return error with { Field = field };
        }

        prefix = TableKeys.Row(table.Id, TableKeys.PrimaryIndex, values.AsSpan());
        return prefix.Length > GeoLimits.KeyBytesMax
            ? new(GeoErrorKind.TooLarge, "key-too-large", $"the key takes {prefix.Length} bytes and {GeoLimits.KeyBytesMax} is the limit",
                field)
            : null;
    }

    /// <summary>A stored row as users see it. The value is not null.</summary>
    public static VersionedRow ToRow(TableInfo table, ImmutableArray<Datum> key, HlcTimestamp version, ReadOnlySpan<byte> value)
    {
        var layout = RowLayout.Of(table);
        return new(key, version, layout.ToRow(layout.Decode(key.AsSpan(), value)));
    }

    /// <summary>The key values of a stored key.</summary>
    public static ImmutableArray<Datum> KeyOf(Key key)
    {
        var decoded = TableKeys.TryDecodeRow(key.Span, out _, out _, out var values);
        Invariant.Holds(decoded);
        return ImmutableCollectionsMarshal.AsImmutableArray(values);
    }

    /// <summary>
    /// A key below an end and above every row's key below it: no key holds so many 0xFF in a row behind the bytes of an end.
    /// </summary>
    public static Key LastBefore(Key end)
    {
        var bytes = end.Array;
        if (bytes[^1] == 0)
        {
            return new(bytes[..^1]);
        }

        var last = new byte[bytes.Length + 16];
        last.AsSpan().Fill(0xFF);
        bytes.CopyTo(last, 0);
        last[bytes.Length - 1]--;
        return new(last);
    }

    /// <summary>A UUID of version 4's shape that follows from a request and a column, so that a retry makes the same row.</summary>
    public static Guid GeneratedUuid(ReadOnlySpan<byte> requestId, string column)
    {
        Span<byte> input = stackalloc byte[requestId.Length + Encoding.UTF8.GetByteCount(column)];
        requestId.CopyTo(input);
        Encoding.UTF8.GetBytes(column, input[requestId.Length..]);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(input, hash);
        hash[6] = (byte)((hash[6] & 0x0F) | 0x40);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new(hash[..16], bigEndian: true);
    }

    private static GeoError? CheckKeyValues(TableInfo table, ImmutableArray<Datum> key, bool lengthFits)
    {
        if (!lengthFits)
        {
            return new(
                GeoErrorKind.Unprocessable,
                "wrong-key-length",
                $"the key of {table.Spec.Name} has {table.Spec.PrimaryKey.Length} columns "
                + $"({string.Join(", ", table.Spec.PrimaryKey)}), not {key.Length}",
                "key");
        }

        var layout = RowLayout.Of(table);
        for (var i = 0; i < key.Length; i++)
        {
            var column = layout.Column(layout.KeyPositions[i]);
            if (key[i].Type != column.Type)
            {
                return key[i].IsNull
                    ? new(GeoErrorKind.Unprocessable, "null-in-key", $"the key column {column.Name} has no value", column.Name)
                    : WrongType(column, key[i]);
            }
        }

        return null;
    }

    private static GeoError? CompleteKey(RowLayout layout, RowWrite write, ReadOnlySpan<byte> requestId, out ImmutableArray<Datum> key)
    {
        key = write.Key;
        if (write.Kind != WriteKind.Insert || !HasNull(key) || key.Length != layout.KeyPositions.Length)
        {
            return null;
        }

        var completed = key.ToArray();
        for (var i = 0; i < completed.Length; i++)
        {
            var column = layout.Column(layout.KeyPositions[i]);
            if (completed[i].IsNull)
            {
                completed[i] = DefaultOf(column, requestId);
            }

            if (completed[i].IsNull)
            {
                return new(
                    GeoErrorKind.Unprocessable, "missing-column", $"the key column {column.Name} has no value and no default", column.Name);
            }
        }

        key = ImmutableCollectionsMarshal.AsImmutableArray(completed);
        return null;
    }

    private static bool HasNull(ImmutableArray<Datum> key)
    {
        foreach (var value in key)
        {
            if (value.IsNull)
            {
                return true;
            }
        }

        return false;
    }

    private static GeoError? ByPosition(RowLayout layout, RowWrite write, ImmutableArray<Datum> key, out Datum[] values, out bool[] given)
    {
        values = new Datum[layout.Table.Spec.Columns.Length];
        given = new bool[values.Length];
        foreach (var (name, value) in write.Values)
        {
            var position = layout.PositionOf(name);
            if (position < 0)
            {
                return new(GeoErrorKind.Unprocessable, "unknown-column", $"the table {layout.Table.Spec.Name} has no column {name}", name);
            }

            var column = layout.Column(position);
            if (given[position])
            {
                return new(GeoErrorKind.Invalid, "duplicate-column", $"the column {name} is given twice", name);
            }

            given[position] = true;
            values[position] = value;
            var inKey = Array.IndexOf(layout.KeyPositions, position);
            if (inKey >= 0 && value != key[inKey])
            {
                return new(GeoErrorKind.Unprocessable, "key-mismatch", $"the key column {name} differs from the row's key", name);
            }

            if (value.IsNull ? !column.Nullable : value.Type != column.Type)
            {
                return value.IsNull
                    ? new(GeoErrorKind.Unprocessable, "null-not-allowed", $"the column {name} must not be null", name)
                    : WrongType(column, value);
            }

            if (write.Kind == WriteKind.Delete && inKey < 0)
            {
                return new(GeoErrorKind.Invalid, "delete-with-values", "a delete takes no column values", name);
            }
        }

        return null;
    }

    private static GeoError? TryValue(RowLayout layout, Datum[] values, bool[] given, ReadOnlySpan<byte> requestId, out byte[] bytes)
    {
        bytes = [];
        var stored = new ColumnValue[layout.ValuePositions.Length];
        for (var i = 0; i < stored.Length; i++)
        {
            var position = layout.ValuePositions[i];
            var column = layout.Column(position);
            var value = given[position] ? values[position] : DefaultOf(column, requestId);
            if (value.IsNull && !column.Nullable)
            {
                return new(GeoErrorKind.Unprocessable, "missing-column", $"the column {column.Name} has no value and no default",
                    column.Name);
            }

            stored[i] = new(layout.ValueIds[i], value);
        }

        bytes = RowCodec.Encode(stored);
        return null;
    }

    private static GeoError? TryPatch(RowLayout layout, Datum[] values, bool[] given, out byte[] bytes)
    {
        var patches = new List<ColumnPatch>(values.Length);
        for (var i = 0; i < layout.ValuePositions.Length; i++)
        {
            var position = layout.ValuePositions[i];
            if (!given[position])
            {
                continue;
            }

            var value = values[position];
            var action = value.IsNull ? PatchAction.Clear
                : value.Type == DatumType.Json && value.AsJson().StartsWith('{') ? PatchAction.MergeJson
                : PatchAction.Set;
            patches.Add(new(layout.ValueIds[i], action, value));
        }

        bytes = RowPatch.Encode(CollectionsMarshal.AsSpan(patches));
        return null;
    }

    private static GeoError? TrySum(RowLayout layout, Datum[] values, bool[] given, out byte[] bytes)
    {
        bytes = [];
        var patches = new List<ColumnPatch>(values.Length);
        for (var position = 0; position < values.Length; position++)
        {
            if (!given[position])
            {
                continue;
            }

            var column = layout.Column(position);
            if (!DatumSum.IsNumber(column.Type))
            {
                return new(
                    GeoErrorKind.Unprocessable, "not-a-number", $"the column {column.Name} holds no numbers to add to", column.Name);
            }

            var at = Array.IndexOf(layout.ValuePositions, position);
            if (at < 0)
            {
                return new(GeoErrorKind.Unprocessable, "key-column", $"the key column {column.Name} of a row never changes", column.Name);
            }

            if (values[position].IsNull)
            {
                return new(
                    GeoErrorKind.Unprocessable, "null-not-allowed", $"null cannot be added to the column {column.Name}", column.Name);
            }

            patches.Add(new(
                layout.ValueIds[at], PatchAction.Add, values[position], DatumSum.OrZero(layout.Missing(position), column.Type)));
        }

        bytes = RowPatch.Encode(CollectionsMarshal.AsSpan(patches));
        return patches.Count > 0 ? null
            : new(GeoErrorKind.Invalid, "nothing-to-add", "an increment names at least one column and what is added to it", "values");
    }

    private static Datum DefaultOf(ColumnSpec column, ReadOnlySpan<byte> requestId) =>
        column.DefaultFunction is not null ? Datum.FromUuid(GeneratedUuid(requestId, column.Name)) : column.Default ?? Datum.Null;

    private static GeoError WrongType(ColumnSpec column, Datum value) => new(
        GeoErrorKind.Unprocessable,
        "wrong-type",
        $"the column {column.Name} holds {DatumText.Expected(column.Type)}, not a value of type {value.Type.ToString().ToLowerInvariant()}",
        column.Name);
}
