using InvFusion.Runtime;

namespace InvFusion.Degradations;

/// <summary>Uniformly drawn subsets.</summary>
internal static class RandomSubset
{
    /// <summary>A subset that holds a share of the places, rounded, but at least one of them; every such subset is equally probable.</summary>
    /// <param name="stream">Gives one uniform number per place.</param>
    /// <param name="places">Number of places, positive.</param>
    /// <param name="share">The share, in [0, 1].</param>
    /// <returns>Whether a place is in it.</returns>
    /// <remarks>Selection sampling (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S).</remarks>
    public static bool[] Draw(RandomStream stream, int places, double share)
    {
        var subset = new bool[places];
        var needed = Math.Max(1, (int)Math.Round(share * places));
        for (var i = 0; i < places; i++)
        {
            subset[i] = stream.NextUniform() * (places - i) < needed;
            if (subset[i])
                needed--;
        }
        return subset;
    }
}
