using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>What a patch does to one column. The numbers are stored; they never change.</summary>
public enum PatchAction : byte
{
    /// <summary>The column takes the value.</summary>
    Set = 1,

    /// <summary>The column becomes null.</summary>
    Clear = 2,

    /// <summary>The column's JSON is merged with the value, an object (RFC 7396).</summary>
    MergeJson = 3,

    /// <summary>The value is added to the column's number.</summary>
    Add = 4,
}

/// <summary>A change to one column.</summary>
/// <param name="ColumnId">The column.</param>
/// <param name="Action">What is done to it.</param>
/// <param name="Value">With what.</param>
/// <param name="Missing">For <see cref="PatchAction.Add"/>, the number that a row counts as which does not hold the column: zero, or the
/// default of a column that must not be null and was added after the row was written. Null for all other actions.</param>
public readonly record struct ColumnPatch(int ColumnId, PatchAction Action, Datum Value, Datum Missing = default);

/// <summary>
/// Changes to some columns of a row as bytes, by ascending column id. It is applied where the row is, to the bytes of the row, so the range
/// needs no schema; columns it does not name keep what they have, also those a newer schema added.
/// </summary>
public static class RowPatch
{
    private const byte Version = 1;

    /// <summary>The bytes of a patch. The columns come by strictly ascending id.</summary>
    public static byte[] Encode(ReadOnlySpan<ColumnPatch> columns)
    {
        var output = new CodecWriter(64);
        output.WriteByte(Version);
        output.WriteUInt64((ulong)columns.Length);
        var previous = -1;
        foreach (var (id, action, value, missing) in columns)
        {
            Invariant.Holds(id > previous);
            previous = id;
            output.WriteInt32(id);
            output.WriteByte((byte)action);
            if (action != PatchAction.Clear)
            {
                RowCodec.WriteValue(output, value);
            }

            if (action == PatchAction.Add)
            {
                Invariant.Holds(DatumSum.IsNumber(value.Type) && missing.Type == value.Type);
                RowCodec.WriteValue(output, missing);
            }
        }

        return output.ToArray();
    }

    /// <summary>Reads what <see cref="Encode"/> wrote; else <see cref="CodecException"/>.</summary>
    public static ColumnPatch[] Decode(ReadOnlySpan<byte> patch)
    {
        var input = new CodecReader(patch);
        input.ReadVersion("a row patch", Version);
        var columns = new ColumnPatch[input.ReadCount()];
        var previous = -1;
        for (var i = 0; i < columns.Length; i++)
        {
            var id = input.ReadInt32();
            var action = (PatchAction)input.ReadByte();
            if (id <= previous || action is < PatchAction.Set or > PatchAction.Add)
            {
                throw new CodecException("a row patch names its columns out of order, or does what this build does not know");
            }

            var value = action == PatchAction.Clear ? Datum.Null : RowCodec.ReadValue(ref input);
            if (action == PatchAction.MergeJson && value.Type != DatumType.Json)
            {
                throw new CodecException("a row patch merges what is not JSON");
            }

            var missing = action == PatchAction.Add ? RowCodec.ReadValue(ref input) : Datum.Null;
            if (action == PatchAction.Add && (!DatumSum.IsNumber(value.Type) || missing.Type != value.Type))
            {
                throw new CodecException("a row patch adds what is not a number");
            }

            columns[i] = new(id, action, value, missing);
            previous = id;
        }

        input.ExpectEnd("a row patch");
        return columns;
    }

    /// <summary>
    /// The row's bytes after a patch that adds nothing, or whose sums fit. The same on every node. Throws <see cref="CodecException"/> for
    /// bytes that are neither.
    /// </summary>
    public static byte[] Apply(ReadOnlySpan<byte> row, ReadOnlySpan<byte> patch)
    {
        var fits = TryApply(row, patch, out var result);
        Invariant.Holds(fits);
        return result;
    }

    /// <summary>
    /// The row's bytes after the patch; false when a sum does not fit its column's type. The same on every node. Throws
    /// <see cref="CodecException"/> for bytes that are neither.
    /// </summary>
    public static bool TryApply(ReadOnlySpan<byte> row, ReadOnlySpan<byte> patch, out byte[] result)
    {
        result = [];
        var old = RowCodec.Decode(row);
        var changes = Decode(patch);
        var merged = new List<ColumnValue>(old.Length + changes.Length);
        var at = 0;
        foreach (var change in changes)
        {
            while (at < old.Length && old[at].ColumnId < change.ColumnId)
            {
                merged.Add(old[at++]);
            }

            var before = at < old.Length && old[at].ColumnId == change.ColumnId ? old[at++].Value : Datum.Null;
            if (!TryChange(change, before, out var after))
            {
                return false;
            }

            merged.Add(new(change.ColumnId, after));
        }

        while (at < old.Length)
        {
            merged.Add(old[at++]);
        }

        result = RowCodec.Encode(CollectionsMarshal.AsSpan(merged));
        return true;
    }

    private static bool TryChange(ColumnPatch change, Datum before, out Datum after)
    {
        switch (change.Action)
        {
            case PatchAction.Set:
                after = change.Value;
                return true;
            case PatchAction.Clear:
                after = Datum.Null;
                return true;
            case PatchAction.MergeJson:
                after = Datum.FromJson(MergeJson(before.Type == DatumType.Json ? before.AsJson() : "null", change.Value.AsJson()));
                return true;
            default:
                var number = before.IsNull ? change.Missing : before;
                return number.Type == change.Value.Type
                    ? DatumSum.TryAdd(number, change.Value, out after)
                    : throw new CodecException("a row patch adds to a column of another type");
        }
    }

    /// <summary>RFC 7396: the target with the patch merged into it, both and the result in canonical text.</summary>
    public static string MergeJson(string target, string patch)
    {
        using var targetDocument = JsonDocument.Parse(target);
        using var patchDocument = JsonDocument.Parse(patch);
        var output = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(output, new JsonWriterOptions { MaxDepth = DatumJson.DepthMax, SkipValidation = true }))
        {
            Merge(writer, targetDocument.RootElement, patchDocument.RootElement);
        }

        using var merged = JsonDocument.Parse(output.WrittenMemory);
        return DatumJson.Canonicalise(merged.RootElement);
    }

    private static void Merge(Utf8JsonWriter writer, JsonElement? target, JsonElement patch)
    {
        if (patch.ValueKind != JsonValueKind.Object)
        {
            patch.WriteTo(writer);
            return;
        }

        var members = target is { ValueKind: JsonValueKind.Object } value ? value : (JsonElement?)null;
        writer.WriteStartObject();
        foreach (var member in members?.EnumerateObject() ?? default)
        {
            if (!patch.TryGetProperty(member.Name, out _))
            {
                member.WriteTo(writer);
            }
        }

        foreach (var member in patch.EnumerateObject())
        {
            if (member.Value.ValueKind == JsonValueKind.Null)
            {
                continue;
            }

            JsonElement? inner = members is { } known && known.TryGetProperty(member.Name, out var found) ? found : null;
            writer.WritePropertyName(member.Name);
            Merge(writer, inner, member.Value);
        }

        writer.WriteEndObject();
    }
}
