using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>Where a listing of garbage goes on.</summary>
/// <param name="StorageKey">The next version to look at.</param>
/// <param name="Covered">True when a version at or below the threshold, newer than that one and of the same key, was seen.</param>
/// <param name="Tombstone">That newer version when it is a tombstone that may go once all older versions are listed.</param>
public sealed record MvccGarbagePoint(byte[] StorageKey, bool Covered, byte[]? Tombstone);

/// <summary>Part of a listing of garbage.</summary>
/// <param name="StorageKeys">Storage keys that may be removed, in an order in which any beginning of the list may be removed alone.</param>
/// <param name="Resume">Where to go on, the listed keys removed or not; null when the span was listed to its end.</param>
/// <param name="Looked">Versions that were looked at.</param>
/// <param name="Newest">The newest of them.</param>
public readonly record struct MvccGarbagePage(List<byte[]> StorageKeys, MvccGarbagePoint? Resume, int Looked, HlcTimestamp Newest);

/// <summary>
/// Finds versions that no read at or above a threshold can see: all versions older than a key's newest one at or below the threshold,
/// and that one too when it is a tombstone. Reads below the threshold must be refused before anything listed is removed.
/// A tombstone is listed after every older version of its key: removed earlier, it would bring the value under it back.
/// </summary>
public static class MvccGarbage
{
    /// <summary>Test builds only: what lies above the threshold goes too.</summary>
    public const string BugAboveThreshold = "garbage.above-threshold";

    /// <summary>Test builds only: a tombstone goes before the versions under it.</summary>
    public const string BugTombstoneFirst = "garbage.tombstone-first";

    private const int StepsBeforeSeek = 4;

    // To step over a large value is to read it.
    private const int BytesOfWork = 4_096;

    /// <summary>
    /// Lists garbage of a span; a page looks at no more than <paramref name="workMax"/> versions, of which large ones count for more.
    /// </summary>
    public static MvccGarbagePage List(
        IOrderedReader reader, KeySpan span, HlcTimestamp threshold, int workMax, MvccGarbagePoint? resume = null)
    {
        Invariant.Holds(workMax > 0);
        if (span.IsEmpty)
        {
            return new([], null, 0, HlcTimestamp.Zero);
        }

        threshold = PlantedBug.Is(BugAboveThreshold) ? HlcTimestamp.Max : threshold;
        var bounds = MvccKey.SpanBounds(span);
        using var cursor = reader.OpenCursor(resume?.StorageKey ?? bounds.Start, bounds.End);
        return new Walk(cursor, threshold, resume).Run(resume?.StorageKey ?? bounds.Start, workMax);
    }

    private sealed class Walk
    {
        private readonly IOrderedCursor _cursor;
        private readonly HlcTimestamp _threshold;
        private readonly CodecWriter _key = new();
        private readonly CodecWriter _target = new();
        private readonly List<byte[]> _found = [];
        private bool _covered;
        private byte[]? _tombstone;
        private int _stepsAbove;
        private HlcTimestamp _newest;

        public Walk(IOrderedCursor cursor, HlcTimestamp threshold, MvccGarbagePoint? resume)
        {
            _cursor = cursor;
            _threshold = threshold;
            _covered = resume?.Covered ?? false;
            _tombstone = resume?.Tombstone;
            if (resume is not null)
            {
                _key.WriteRaw(MvccKey.PrefixOf(resume.StorageKey));
            }
        }

        public MvccGarbagePage Run(byte[] start, int workMax)
        {
            _cursor.SeekAtOrAfter(start);
            var looked = 0;
            for (var work = 0; _cursor.IsValid; looked++)
            {
                if (work >= workMax)
                {
                    return new(_found, Stop(), looked, _newest);
                }

                work += 1 + ((_cursor.Key.Length + _cursor.Value.Length) / BytesOfWork);
                Look();
            }

            LeaveKey();
            return new(_found, null, looked, _newest);
        }

        // The version it stops at may begin another key; what was learned holds only for the key it was learned of.
        private MvccGarbagePoint Stop()
        {
            EnterKey();
            return new(_cursor.Key.ToArray(), _covered, _tombstone);
        }

        private void Look()
        {
            EnterKey();
            var timestamp = MvccKey.TimestampOf(_cursor.Key);
            _newest = HlcTimestamp.Later(_newest, timestamp);
            if (timestamp > _threshold)
            {
                StepTowardsThreshold();
                return;
            }

            if (_covered)
            {
                _found.Add(_cursor.Key.ToArray());
            }
            else
            {
                _covered = true;
                _tombstone = MvccValue.IsStoredTombstone(_cursor.Value) ? _cursor.Key.ToArray() : null;
                if (_tombstone is not null && PlantedBug.Is(BugTombstoneFirst))
                {
                    (_covered, _tombstone) = (false, null);
                    _found.Add(_cursor.Key.ToArray());
                }
            }

            _cursor.MoveNext();
        }

        private void EnterKey()
        {
            if (_cursor.Key.Length == _key.Length + MvccKey.TimestampLength && _cursor.Key.StartsWith(_key.Written))
            {
                return;
            }

            LeaveKey();
            _key.Clear();
            _key.WriteRaw(MvccKey.PrefixOf(_cursor.Key));
        }

        private void LeaveKey()
        {
            if (_tombstone is not null)
            {
                _found.Add(_tombstone);
            }

            _tombstone = null;
            _covered = false;
            _stepsAbove = 0;
        }

        private void StepTowardsThreshold()
        {
            if (_stepsAbove++ < StepsBeforeSeek)
            {
                _cursor.MoveNext();
                return;
            }

            _target.Clear();
            _target.WriteRaw(_key.Written);
            _target.WriteFixed64(~_threshold.Value);
            _cursor.SeekAtOrAfter(_target.Written);
        }
    }
}
