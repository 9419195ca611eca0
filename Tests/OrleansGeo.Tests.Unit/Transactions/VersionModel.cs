using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Tests.Unit.Transactions;

/// <summary>Versions in a plain list beside the storage that holds them, to say by brute force what a read must return.</summary>
internal sealed class VersionModel
{
    private readonly CodecWriter _key = new();
    private readonly CodecWriter _value = new();

    public SortedReader Storage { get; } = new();

    public List<MvccVersion> Versions { get; } = [];

    public static VersionModel Random(Prng chance, int versionsMax, int timestampsMax = 12)
    {
        var model = new VersionModel();
        for (var i = chance.Below(versionsMax + 1); i > 0; i--)
        {
            var tombstone = chance.Chance(0.3);
            var value = new byte[chance.Below(6)];
            chance.Fill(value);
            model.Add(Draw.Key(chance, 2), Draw.Timestamp(chance, timestampsMax), tombstone ? null : value);
        }

        return model;
    }

    public void Add(Key key, HlcTimestamp at, byte[]? value)
    {
        if (Versions.Exists(v => v.Key == key && v.Timestamp == at))
        {
            return;
        }

        Versions.Add(new(key, at, value is null, value ?? []));
        MvccKey.Encode(_key, key, at);
        if (value is null)
        {
            Storage.Put(_key.Written, MvccValue.EncodedTombstone);
        }
        else
        {
            MvccValue.Encode(_value, value);
            Storage.Put(_key.Written, _value.Written);
        }
    }

    public MvccVersion? NewestAt(Key key, HlcTimestamp at) => Versions
        .Where(v => v.Key == key && v.Timestamp <= at).OrderByDescending(v => v.Timestamp).Select(v => (MvccVersion?)v).FirstOrDefault();

    public List<MvccRow> RowsAt(KeySpan span, HlcTimestamp at) => Versions
        .Select(v => v.Key).Distinct().Where(span.Contains).Order()
        .Select(key => NewestAt(key, at)).Where(v => v is { IsTombstone: false })
        .Select(v => new MvccRow(v!.Value.Key, v.Value.Timestamp, v.Value.Bytes)).ToList();
}
