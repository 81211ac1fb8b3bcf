/** Whose hand draws the digits that are generated in this tab: each tab has one of its own, the same after a reload. */
import { createSystemRandom } from "@shoal/actors/browser";

const keyName = "shoal.hand";
const firstHand = 1_000;
const hands = 900_000;

/** @returns a positive integer; the address of the page may choose it (`?seed=7`) */
export function handOfTab(): number {
  const chosen = Number(new URLSearchParams(location.search).get("seed"));
  if (Number.isInteger(chosen) && chosen > 0) return chosen;
  try {
    const kept = Number(sessionStorage.getItem(keyName));
    const hand = kept > 0 ? kept : drawHand();
    sessionStorage.setItem(keyName, String(hand));
    return hand;
  } catch {
    // It is full, or denied: after a reload other digits are drawn.
    return drawHand();
  }
}

function drawHand(): number {
  return firstHand + Math.floor(createSystemRandom().uniform() * hands);
}
