using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// Tells a first copy of an envelope from a later one, for one sender and lane. A request must reach a range at most once per attempt: a
/// refusal leaves no trace in the range, so a copy that came later could be carried out after its asker was told that it was refused.
/// Remembers the newest sequence numbers; whatever is older than all of them counts as seen, which to the asker is a loss.
/// </summary>
internal sealed class RequestWindow
{
    private const int Size = 1024;
    private readonly ulong[] _seen = new ulong[Size / 64];
    private Incarnation _incarnation;
    private long _highest;

    /// <summary>True the first time for a sequence number of the sender's newest start; false for anything else.</summary>
    public bool TryEnter(Incarnation incarnation, long sequence)
    {
        if (incarnation.Value < _incarnation.Value || sequence <= 0)
        {
            return false;
        }

        if (incarnation.Value > _incarnation.Value)
        {
            _incarnation = incarnation;
            _highest = 0;
            Array.Clear(_seen);
        }

        if (sequence <= _highest - Size)
        {
            return false;
        }

        for (var passed = Math.Max(_highest + 1, sequence - Size + 1); passed <= sequence; passed++)
        {
            Slot(passed) &= ~Bit(passed);
        }

        _highest = Math.Max(_highest, sequence);
        if ((Slot(sequence) & Bit(sequence)) != 0)
        {
            return false;
        }

        Slot(sequence) |= Bit(sequence);
        return true;
    }

    private ref ulong Slot(long sequence) => ref _seen[sequence % Size / 64];

    private static ulong Bit(long sequence) => 1UL << (int)(sequence % 64);
}
